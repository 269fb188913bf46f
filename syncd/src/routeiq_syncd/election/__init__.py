"""Who leads: the states of one syncd in leader election, by the rules of `lease`.

`states` is candidate and holder, `notifications` brings news and guards the holder's epoch, `chores` is the holder's
housekeeping. Without the database nobody is elected and everyone serves on. What a holder publishes does not enter.
"""
