"""The turns of a long-running loop: `turnstile` goes round, `waiting` and `pace` say when the next turn is due.

`liveness` tells whether the loops still turn. Never in here: what a turn does.
"""
