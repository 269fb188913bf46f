"""What any process needs of the system it runs on: its log, and an end together with supervisord.

A log line that cannot be written is dropped; a supervisord that has died already ends the process. Never in here:
anything about LiteLLM, revisions or workers.
"""
