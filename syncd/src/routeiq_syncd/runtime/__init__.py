"""What every long-running process needs, whatever it does: clocks, pace, waiting, turns, liveness, logs.

`turnstile` is the loop of turns and `liveness` tells whether loops still turn; `lifeline` ends the process with
supervisord. A fault here is a bug, and ends the process. No word of configurations, revisions or leases enters.
"""
