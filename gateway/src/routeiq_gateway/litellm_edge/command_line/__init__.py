"""What LiteLLM's command line does before it starts a server, done for the gateway.

:mod:`.options` says for each option and variable of that command what becomes of it here, :mod:`.env_file` reads the
``.env`` that LiteLLM's import would read, :mod:`.database_urls` completes the URLs of the database,
:mod:`.start_variables` tells which variables count at the start alone, and :mod:`.metrics_server` runs LiteLLM's
server of metrics. Never in here: what LiteLLM does once it has started.
"""
