"""Every option and variable of LiteLLM's command line: honoured here, or refused with a sentence.

``tests/contract/test_command_line.py`` reads both from the LiteLLM that is installed, so a new one fails that test
until it stands in this table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


@dataclass(frozen=True)
class Option:
    """What becomes of one option.

    Attributes:
        option: as LiteLLM's command line spells it, empty for a variable without an option.
        variable: the variable that means the same, empty for an option without one.
        advice: what to do instead, for what is refused; empty for a variable that is honoured.
        refused: the values that are refused, in lower case; empty: every value.
    """

    option: str
    variable: str
    advice: str = ""
    refused: frozenset[str] = frozenset()


def _by(*variables: str) -> tuple[Option, ...]:
    """Return variables without an option, which are honoured."""
    return tuple(Option("", variable) for variable in variables)


def _without(advice: str, *options: str) -> tuple[Option, ...]:
    """Return options without a variable, for all of which the same is to be done instead."""
    return tuple(Option(option, "", advice) for option in options)


IN_THE_FILE = "write it into the configuration file"
ANOTHER_COMMAND = "it asks for something else than a server; run LiteLLM's own command for it"
ONE_SERVER = "the gateway is its own server; leave it out"
MIGRATIONS = "migrations are routeiq-migrate's, by neither of LiteLLM's resolvers; leave it out"
POOLER = "the gateway starts no PgBouncer; run one beside it and point DATABASE_URL at it, with ?pgbouncer=true"

OPTIONS: tuple[Option, ...] = (
    Option("--host", "HOST"),
    Option("--port", "PORT"),
    Option("--num_workers", "NUM_WORKERS"),
    Option("--debug", "DEBUG"),
    Option("--detailed_debug", "DETAILED_DEBUG"),
    Option("--ssl_keyfile_path", "SSL_KEYFILE_PATH"),
    Option("--ssl_certfile_path", "SSL_CERTFILE_PATH"),
    Option("--keepalive_timeout", "KEEPALIVE_TIMEOUT"),
    Option("--max_requests_before_restart", "MAX_REQUESTS_BEFORE_RESTART"),
    Option("--max_requests_before_restart_jitter", "MAX_REQUESTS_BEFORE_RESTART_JITTER"),
    Option("--limit_concurrency", "LIMIT_CONCURRENCY"),
    Option("--prometheus_metrics_port", "PROMETHEUS_METRICS_PORT"),
    Option("--iam_token_db_auth", "IAM_TOKEN_DB_AUTH"),
    Option("--azure_postgresql_auth", "AZURE_POSTGRESQL_AUTH"),
    Option("--granian_threads", "GRANIAN_RUNTIME_THREADS", "the gateway runs no Granian; set NUM_WORKERS instead"),
    Option(
        "--timeout_worker_healthcheck",
        "TIMEOUT_WORKER_HEALTHCHECK",
        "the gateway watches its workers without asking them; ROUTEIQ_RELOAD_TIMEOUT_SECONDS bounds their start",
    ),
    Option("--use_v2_migration_resolver", "USE_V2_MIGRATION_RESOLVER", MIGRATIONS, FALSE),
    Option("", "LITELLM_PGBOUNCER_ENABLED", POOLER, TRUE),
    Option("", "LITELLM_PGBOUNCER_PORT", POOLER),
    Option("", "LITELLM_PGBOUNCER_BINARY", POOLER),
    Option("", "LITELLM_PGBOUNCER_MAX_DB_CONNECTIONS", POOLER),
    Option("", "LITELLM_PGBOUNCER_MAX_CLIENT_CONN", POOLER),
    Option("--config", "", "set LITELLM_CONFIG_PATH, which syncd reads"),
    Option("--telemetry", "", "set LITELLM_TELEMETRY"),
    Option("--log_config", "", "set LOG_LEVEL and LOG_FORMAT, and LITELLM_LOG for LiteLLM's own log"),
    Option("--ciphers", "", "set the ciphers that the system's OpenSSL allows in its openssl.cnf"),
    Option("--validate_config", "", "run routeiq-syncd validate PATH"),
    Option("--skip_server_startup", "", "run routeiq-migrate up, which is all that LiteLLM would do then"),
    Option("--reload", "", "the gateway takes a changed file without it; leave it out"),
    Option("--version", "", "run pip show litellm"),
    *_without(IN_THE_FILE, "--model", "--alias", "--api_base", "--api_version", "--headers", "--add_key"),
    *_without(IN_THE_FILE, "--temperature", "--max_tokens", "--request_timeout", "--max_budget"),
    *_without(IN_THE_FILE, "--drop_params", "--add_function_to_prompt", "--save"),
    *_without(ANOTHER_COMMAND, "--setup", "--health", "--test", "--test_async", "--num_requests"),
    *_without(ONE_SERVER, "--run_gunicorn", "--run_hypercorn", "--run_granian", "--local", "--use_queue"),
    *_without(MIGRATIONS, "--use_prisma_db_push", "--enforce_prisma_migration_check"),
    *_without(MIGRATIONS, "--use_legacy_migration_resolver"),
    *_by("DEFAULT_NUM_WORKERS_LITELLM_PROXY", "LITELLM_LOG", "LITELLM_MODE", "PROMETHEUS_MULTIPROC_DIR", "USE_AWS_KMS"),
    *_by("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA"),
    *_by("DATABASE_HOST", "DATABASE_PORT", "DATABASE_USER", "DATABASE_USERNAME", "DATABASE_PASSWORD"),
    *_by("DATABASE_NAME", "DATABASE_SCHEMA", "DATABASE_SSLMODE", "DATABASE_SSLROOTCERT"),
    *_by("DATABASE_HOST_READ_REPLICA", "DATABASE_PORT_READ_REPLICA", "DATABASE_USER_READ_REPLICA"),
    *_by("DATABASE_USERNAME_READ_REPLICA", "DATABASE_PASSWORD_READ_REPLICA", "DATABASE_NAME_READ_REPLICA"),
    *_by("DATABASE_SCHEMA_READ_REPLICA", "DATABASE_DISABLE_PREPARED_STATEMENTS"),
    *_by("DATABASE_MAX_IDLE_CONNECTION_LIFETIME", "DISABLE_SCHEMA_UPDATE"),
    *(
        Option("", name, "the command line sets it for itself; leave it out")
        for name in ("LITELLM_DEV_ENV_HOT_RELOAD", "LITELLM_PGBOUNCER_POOLED_DATABASE_URL")
    ),
)


def refused_variables(environment: Mapping[str, str]) -> list[str]:
    """Return one sentence for each variable in ``environment`` that LiteLLM's command line would heed and we do not."""
    return [
        f"{option.variable}: {option.advice}, and unset it"
        for option in OPTIONS
        if option.variable and option.advice and _is_refused(option, environment.get(option.variable, ""))
    ]


def refused_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for each option of LiteLLM's command line among ``arguments``."""
    table = {option.option: option for option in OPTIONS if option.option}
    for argument in arguments:
        option = table.get(argument.partition("=")[0])
        if option is not None:
            yield f"{option.option}: " + (option.advice or f"set {option.variable}")


def _is_refused(option: Option, value: str) -> bool:
    return value.strip().lower() in option.refused if option.refused else bool(value)
