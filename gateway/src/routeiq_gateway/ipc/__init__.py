"""What the parent and its workers use to talk: a channel for each worker, and one page of memory that all read.

A peer that dies shows as a closed channel, and a writer that dies leaves the page's last content whole: neither
blocks or raises. Never in here: what the messages mean, which is the parent's and the worker's to know.
"""
