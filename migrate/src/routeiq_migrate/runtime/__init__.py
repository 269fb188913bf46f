"""What every command needs of its process: `logs` and `lazy_log`, `progress`, `telemetry`, and `pace` between tries.

`report` holds the first three together. None of them can fail a migration: a log line that cannot be written is
dropped, and an exporter that is away is not waited for. Nothing here knows what a migration is.
"""
