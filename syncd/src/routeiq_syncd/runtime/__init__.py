"""What every long-running process needs, whatever it does: clocks, turns, logs, limits, secrets kept out of output.

`turns` are those of loops; `notify` tells supervisord that they turn, and `lifeline` ends the process with it. A fault
here is a bug, and ends the process. No word of configurations, revisions or leases enters.
"""
