"""What is known, and how it is told.

The loops report to the `recorder`, which holds a `snapshot`; `document` tells it as JSON, `explain` in sentences, and
`files` exchanges it with the gateway over the volume. A volume that does not take the status is logged, and the loops
go on. Nothing is decided here.
"""
