"""One client's connection: how it waits for a request, how it leaves a worker, and how it is closed without loss.

`crowd` knows which connections wait for a request, and has the longest waiting give way where there are too many.
Never in here: which connections leave and when, which :mod:`routeiq_gateway.worker.server` decides.
"""
