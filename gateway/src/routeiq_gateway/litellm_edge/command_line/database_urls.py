"""The URLs of LiteLLM's database, completed as LiteLLM's command line completes them before it starts a server.

The command line puts a URL together from its parts, or takes it from the configuration, and adds the size of the pool
and the time-outs that ``general_settings`` names. Without that Prisma would open a pool of its own size, whatever the
configuration says. A worker does this at its start, so that a token in the place of a password is fresh.
"""

import importlib
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

URLS = ("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA")
PARTS = ("DATABASE_HOST", "DATABASE_HOST_READ_REPLICA")


class BadDatabaseError(ValueError):
    """The database's URL, or a setting of its pool, cannot work; the message quotes no secret."""


def complete_database_urls(general: Mapping[str, Any]) -> None:
    """Set the URLs in the process's environment, from what it and ``general`` say.

    Args:
        general: the configuration's ``general_settings``.

    Raises:
        BadDatabaseError: a URL is no PostgreSQL URL, or a part of it is missing.
    """
    environment = os.environ  # LiteLLM's functions read it themselves
    settings_module = importlib.import_module("litellm.proxy.db.db_url_settings")
    try:
        settings = settings_module.DatabaseURLSettings.from_env()
        writer = _writer(environment, general, settings)
        if writer:
            environment["DATABASE_URL"] = writer
        reader = settings.build_reader_url()
        if reader:
            environment["DATABASE_URL_READ_REPLICA"] = reader
    except RuntimeError as error:  # LiteLLM's: it names the variables that are missing
        raise BadDatabaseError(str(error)) from None
    except ValueError as error:
        names = {str(item["loc"][0]) for item in getattr(error, "errors", list)()}
        raise BadDatabaseError(f"{', '.join(sorted(names)) or 'DATABASE_*'}: LiteLLM cannot read it") from None
    for name in URLS:
        scheme = settings_module.unsupported_db_scheme(environment[name]) if environment.get(name) else None
        if scheme is not None:
            raise BadDatabaseError(settings_module.unsupported_db_scheme_message(name, scheme))
    if environment.get("DATABASE_URL") or environment.get("DIRECT_URL"):
        _add_parameters(environment, general, settings)


def database_urls() -> dict[str, str]:
    """Return the URLs that are set, by the names of their variables."""
    return {name: os.environ[name] for name in URLS if os.environ.get(name)}


def _writer(environment: Mapping[str, str], general: Mapping[str, Any], settings: Any) -> str | None:  # noqa: ANN401 - LiteLLM ships no types
    """Return the writer's URL: with a token, from the configuration, or from its parts; None: it stays as it is."""
    if settings.iam_token_db_auth or settings.azure_postgresql_auth:
        url: str | None = settings.build_writer_url()
        return url
    named = general.get("database_url")
    if isinstance(named, str):
        secrets = importlib.import_module("litellm.secret_managers.main")
        found: str | None = secrets.get_secret_str(named) if named.startswith("os.environ/") else named
        return found
    if environment.get("DATABASE_URL"):
        return None
    together: str | None = None
    if not environment.get("DATABASE_PORT"):  # the command line knows no port; its host may hold one
        together = importlib.import_module("litellm.proxy.utils").construct_database_url_from_env_vars()
    return together or settings.build_writer_url()


def _add_parameters(environment: MutableMapping[str, str], general: Mapping[str, Any], settings: Any) -> None:  # noqa: ANN401 - as above
    """Add the parameters of the pool, and the server's time-outs, as LiteLLM's command line does.

    Raises:
        BadDatabaseError: a time-out is no number.
    """
    cli = importlib.import_module("litellm.proxy.proxy_cli")
    urls = importlib.import_module("litellm.proxy.db.db_url_settings")
    pool = cli.LiteLLMDatabaseConnectionPool
    text = general.get("database_disable_prepared_statements", False)
    params = cli._build_db_connection_url_params(  # noqa: SLF001 - the command line's own, so that the two cannot differ
        connection_limit=general.get("database_connection_pool_limit", pool.database_connection_pool_limit.value),
        pool_timeout=_first(
            general.get("database_connection_timeout"),
            general.get("database_connection_pool_timeout"),
            pool.database_connection_pool_timeout.value,
        ),
        connect_timeout=general.get("database_connect_timeout"),
        socket_timeout=general.get("database_socket_timeout"),
        disable_prepared_statements=str(text).lower() == "true" or settings.disable_prepared_statements,
        extra_params=general.get("database_extra_connection_params"),
    )
    lifetime = _first(general.get("database_max_idle_connection_lifetime"), settings.max_idle_connection_lifetime)
    idle = urls.idle_lifetime_params(lifetime)
    try:
        limits = cli.DatabaseTimeoutSettings.model_validate(general)
    except ValueError as error:
        names = ", ".join(sorted(str(item["loc"][0]) for item in getattr(error, "errors", list)()))
        raise BadDatabaseError(f"general_settings: {names}: expected a number of seconds") from None

    def with_limits(url: str) -> str:
        options = cli._pg_options_with_timeouts(  # noqa: SLF001 - as above
            cli._url_query_value(url, "options"),  # noqa: SLF001 - as above
            limits.database_statement_timeout,
            limits.database_lock_timeout,
            limits.database_idle_in_transaction_session_timeout,
        )
        done: str = cli._with_query_value(url, "options", options) if options else url  # noqa: SLF001 - as above
        return done

    for name in ("DATABASE_URL", "DIRECT_URL"):
        if url := environment.get(name):
            url = cli.append_query_params(with_limits(url) if name == "DATABASE_URL" else url, params)
            environment[name] = urls.translate_libpq_ssl_params(urls.add_missing_query_params(url, idle))
    if url := environment.get("DATABASE_URL_READ_REPLICA"):
        url = urls.add_missing_query_params(with_limits(url), urls.reader_shareable_params(params))
        url = urls.translate_libpq_ssl_params(urls.add_missing_query_params(url, idle))
        environment["DATABASE_URL_READ_REPLICA"] = url


def _first(*values: Any) -> Any:  # noqa: ANN401 - any YAML value
    """Return the first of ``values`` that is set."""
    return next((value for value in values if value is not None), None)
