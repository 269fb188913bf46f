"""Indexes that are built while writers go on: those of LiteLLM's migrations, and the request-log indexes.

`concurrent` builds and repairs, `request_logs` brings the request-log indexes to what `request_log_list` names. An
index that cannot be built now is reported and built by a later run; it never fails the migrations before it.
"""
