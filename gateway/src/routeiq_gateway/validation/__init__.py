"""Validation of a configuration by the real LiteLLM, for a build or before a push, without a gateway.

A throw-away worker starts LiteLLM on it as a worker on trial does. Nothing listens, no database is used, and what is in
this room never enters a gateway that serves.
"""
