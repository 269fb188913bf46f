"""All that the gateway knows of LiteLLM's inside, and of FastAPI's and the OpenAI client's.

:mod:`.environment` and :mod:`.preload` prepare LiteLLM's import, :mod:`.proxy` starts and reads it, :mod:`.checks`
finds what it left out in silence; :mod:`.event_loop`, :mod:`.preparing` and :mod:`.savings` make requests cheaper,
:mod:`.unauthorized` corrects one answer, and :mod:`.metrics` keeps the numbers of Prometheus over many workers;
:mod:`.command_line` holds what LiteLLM's own command reads, :mod:`.database` sees to LiteLLM's database. After
an upgrade of LiteLLM a name that has moved fails the integration tests; in an installation, a saving that does not fit
stands back. Never in here: rollouts, connections, files on the volume.
No other module imports LiteLLM or looks it up.
"""
