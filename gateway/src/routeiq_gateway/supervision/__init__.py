"""What runs inside supervisord: how long a program that ends is waited for, and which fault ends the whole replica.

`plugin` is loaded by supervisord and puts the rest into it; `restarts` is pure and holds every decision; `watchdog`
notices programs that hang; `outlet` writes the log without ever waiting for its reader. Never in here: anything on the
volume, which may hang, while supervisord may not.
"""
