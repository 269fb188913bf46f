"""LiteLLM's own database (virtual keys, teams, spend), as far as the gateway has to see to it.

:mod:`.outages` tells a database that is away from a configuration that is wrong, :mod:`.query_engines` ends Prisma's
engines with their workers, and :mod:`.periodic_jobs` has LiteLLM's jobs keep their time over reloads. Never in here: a
statement of SQL.
"""
