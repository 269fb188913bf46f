"""Prometheus metrics of many workers over many generations, in files of a bounded number.

:mod:`.places` gives each worker a place among the files, with the counters of whoever had the place before, and
empties what only a living worker can say; :mod:`.room` keeps a worker alive where the files have no room;
:mod:`.sharing` decides whether a worker shares its metrics, and puts prometheus_client on its place. What never enters:
a metric of our own, and the rendering of a scrape, which stays LiteLLM's.
"""
