"""What migrate can tell an operator, collected from its code, and which test takes each piece of advice at its word."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.processes import REPOSITORY

SOURCE = REPOSITORY / "migrate/src/routeiq_migrate"
WORDS = 4
"""A text with fewer words than this is a name, a key or a piece of SQL."""

SQL = (
    "SELECT",
    "CREATE ",
    "WITH ",
    "INSERT",
    "UPDATE",
    "DROP ",
    "ALTER INDEX",
    "ALTER TABLE {} REPLICA",
    "SET ",
    "LOCK",
)
SQL_PARTS = ("s.pid, ", "{} IS NOT NULL", "ROLLBACK TO", "extract(", "EXISTS")
LOGGED = ("info", "warning", "error", "add_argument", "add_parser", "Parser", "compile", "print")
"""Calls whose texts are events of the log, help, patterns or answers."""

ADVICE = "tests/integration/migrate/test_advice.py::"
REACHING = "tests/integration/migrate/database/test_reaching_as_told.py::"
RIGHTS = "tests/integration/migrate/rights/test_other_ways.py::"
CHECK = "tests/integration/migrate/rights/test_check.py::test_what_is_missing_is_told_and_suffices"
URLS = "tests/unit/migrate/test_advice.py::test_a_setting_corrected_as_told_is_taken"
POOLER = "tests/integration/migrate/database/test_refusals.py::"
INDEXES = "tests/integration/migrate/indexes/"

FOLLOWED = {
    "the schema holds only part of its changes": ADVICE + "test_half_of_an_earlier_attempt",
    "The database is read-only": "tests/integration/migrate/database/test_session.py::"
    "test_a_standby_is_read_and_never_written",
    "Back up what is worth keeping": ADVICE + "test_what_would_destroy_data",
    "cannot be read as SQL": ADVICE + "test_a_script_that_is_not_sql",
    "No migration is named": ADVICE + "test_a_name_that_is_misspelt",
    "Did you mean": ADVICE + "test_a_name_that_is_misspelt",
    "Give one of them in full": ADVICE + "test_a_name_that_is_misspelt",
    "The schema cannot be checked": ADVICE + "test_a_proof_that_cannot_be_made",
    "Nothing was recorded. Add them": ADVICE + "test_a_schema_that_lacks_something",
    "`status` shows what failed": ADVICE + "test_a_failure_that_is_looked_for_under_another_name",
    "does not answer as PostgreSQL does": "tests/integration/migrate/database/test_hostile.py::"
    "test_what_is_no_postgresql_is_told_in_a_sentence",
    "the server works on nothing and says nothing": "tests/integration/migrate/database/test_silence.py::"
    "test_a_session_that_falls_silent_is_lost_and_up_goes_on",
    "The session was lost: {}": "tests/integration/migrate/database/test_hostile.py::"
    "test_an_end_of_the_session_is_no_failed_migration",
    "The session was lost {} times": "tests/integration/migrate/apply/test_kill.py::"
    "test_the_server_is_killed_in_the_middle",
    "but this is left to do": RIGHTS + "test_what_is_left_to_do_beside_the_schema_says_who_may",
    "Another migrator held the lock": "tests/integration/migrate/database/test_blockers.py::"
    "test_who_holds_the_lock_of_migrators_is_told",
    "Or set DIRECT_URL": POOLER + "test_what_pgbouncer_refuses_is_cured_as_advised",
    "Take that parameter out": POOLER + "test_what_pgbouncer_refuses_is_cured_as_advised",
    "Name this database in the pooler": POOLER + "test_what_pgbouncer_refuses_is_cured_as_advised",
    "the pooler's own list of users": POOLER + "test_a_password_that_pgbouncer_refuses_is_not_tried_again",
    "Set sslmode=require in the URL": POOLER + "test_a_lasting_refusal_ends_the_run_with_its_words",
    "Have the pooler pool sessions": POOLER + "test_what_pgbouncer_refuses_is_cured_as_advised",
    "Have the pooler take the extended": POOLER + "test_a_lasting_refusal_ends_the_run_with_its_words",
    "Have the pooler allow": POOLER + "test_a_lasting_refusal_ends_the_run_with_its_words",
    "Check user name and password in DATABASE_URL": REACHING + "test_a_password_that_is_wrong",
    "Give its authority with": REACHING + "test_tls_that_does_not_come_about",
    "Check sslmode and the client certificate": REACHING + "test_tls_that_does_not_come_about",
    "Check it in the database URL": REACHING + "test_a_server_that_is_not_there",
    "or raise connect_timeout": REACHING + "test_a_server_that_is_slow",
    "or relax sslmode": REACHING + "test_tls_that_does_not_come_about",
    "cannot be reached: {}": REACHING + "test_a_server_that_is_not_there",
    "from which to create it, lets us not in": REACHING + "test_a_maintenance_database_that_lets_nobody_in",
    "cannot create it: {}": RIGHTS + "test_who_may_not_create_the_database_is_told_how",
    "Create it, or run `routeiq-migrate up`": REACHING + "test_a_database_that_is_missing",
    "Mount the file readable": REACHING + "test_tls_that_does_not_come_about",
    "Make user {} the owner": RIGHTS + "test_computed_statements_fail_alone_and_say_what_to_do",
    "Point DATABASE_URL or DIRECT_URL at the writer.": ADVICE + "test_a_transaction_that_may_only_read",
    "It waited for {}": "tests/integration/migrate/database/test_blockers.py::"
    "test_whose_it_was_is_told_at_the_end_and_how_to_end_it",
    "Raise statement_timeout": "tests/integration/migrate/test_failure.py::test_a_statement_timeout_can_be_repeated",
    "or raise lock_timeout": ADVICE + "test_a_lock_whose_holder_cannot_be_told",
    "Something it makes is there already": ADVICE + "test_objects_of_every_later_migration",
    "Correct the cause and run again.": "tests/integration/migrate/database/test_pooler.py::"
    "test_a_failure_rolls_the_whole_run_back",
    "left index {} invalid. Run again": INDEXES + "test_concurrent.py::"
    "test_a_broken_index_of_an_interrupted_build_is_replaced",
    "behind a pooler it cannot be rebuilt": ADVICE + "test_an_index_behind_a_pooler",
    "run again when they have ended": INDEXES + "test_request_logs.py::"
    "test_a_partitioned_table_that_is_held_is_indexed_by_a_later_run",
    "rename that one": ADVICE + "test_a_name_of_an_index_that_is_taken",
    "some partitions are still without it": INDEXES + "test_request_logs.py::test_partitioned_request_logs",
    "without blocking writers; set DIRECT_URL": ADVICE + "test_an_index_behind_a_pooler",
    "the build left it invalid": INDEXES + "test_concurrent.py::test_invalid_indexes_are_rebuilt_and_leftovers_dropped",
    "(Prisma's P3009)": "tests/integration/migrate/commands/test_resolve.py::"
    "test_a_failed_row_of_another_release_is_resolved_either_way",
    "(Prisma's P3005)": ADVICE + "test_tables_of_somebody_else",
    "lacks rights for {}": CHECK,
    "GRANT CREATE ON DATABASE": CHECK,
    "CREATE SCHEMA {} AUTHORIZATION": CHECK,
    "CREATE EXTENSION IF NOT EXISTS": RIGHTS + "test_an_extension_asks_for_what_it_takes",
    "ALTER {} OWNER TO": CHECK,
    "ALTER TABLE {} OWNER TO": CHECK,
    "GRANT {} ON {} TO": CHECK,
    "ALTER SCHEMA {} OWNER TO": CHECK,
    "GRANT {} ON SCHEMA": CHECK,
    "have a superuser run": RIGHTS + "test_what_is_left_to_do_beside_the_schema_says_who_may",
    "which holds LiteLLM's migrations, is not installed": "tests/integration/migrate/test_scripts.py::"
    "test_a_package_that_is_missing_is_asked_for",
    "Install it anew": "tests/integration/migrate/test_scripts.py::test_a_package_that_is_missing_is_asked_for",
    "(Prisma's P3019)": "tests/unit/migrate/test_advice.py::test_a_provider_that_is_corrected_is_taken",
    "Install the two that belong together": "tests/integration/migrate/test_scripts.py::"
    "test_litellm_and_extras_that_do_not_belong_together",
    "(Prisma's P3015)": ADVICE + "test_a_folder_without_a_script",
    "is not UTF-8 text. Convert it": ADVICE + "test_a_folder_without_a_script",
    **dict.fromkeys(
        [
            *("Give the address in place of the host", "Write what the service's file says", "Convert the PKCS #12"),
            *("must be a URL that starts with", "cannot be taken apart", "Shorten it", "Give one; 0 is no limit"),
            *("Encode it from UTF-8", "Name that one", "has no valid host and port", "Give one of these"),
            *(
                "NAME=VALUE",
                "which is not read here. {}",
                "Give both, or neither",
                "LOG_LEVEL must be",
                "LOG_FORMAT must be",
            ),
            *("{} must be true or false", "{} must be a number: {}."),
        ],
        URLS,
    ),
}
"""A piece of each sentence of advice, and the test that follows it."""

NO_ADVICE = (
    "The server refused: {}",
    "it sent more than {} bytes in one answer",
    "a message of its answer has an impossible length",
    "it went on with a login that was not begun",
    "the ledger of schema routeiq",
    "the proof and the ledger of a baseline",
    "so nothing is left to baseline",
    "there is nothing to resolve",
    "current: {} migrations",
    "{} migrations are pending",
    "The server has stopped answering",
    "missing rights; what could lose data",
    "process {} of user {}",
    "whose state only pg_read_all_stats shows",
    ", in a transaction for {} s",
    "Gave up after {} s.",
    "Prisma Accelerate and other kinds",
    "{} refuses the session: {}",
    "does not let user {} in",
    "the authority {} (sslrootcert",
    "the certificate {} (sslcert)",
    "Migration {} failed, and {}",
    "it and this whole run were",
    "a share from 0 to 1",
    "REPLICA IDENTITY FULL of {}",
    "connection was closed in the middle",
    "ALTER TYPE with a computed USING",
    "a prepared transaction (",
    "reading the migration ledgers",
    "writing the migration ledger",
    "invalid index {}: {}",
    "EXECUTE of computed SQL",
    "DO block in {}",
    *("timestamp without time zone", "timestamp with time zone", "RESET statement_timeout", "'', '{}', '[]', 'null'"),
    *("seconds, 0 or more", "megabytes, 0 or more"),
)
"""Texts that tell what is so and ask for nothing, or whose advice stands in another text."""


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return the texts that migrate may show, with the module of each; what is filled in stands as ``{}``."""
    collected = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        skipped = {id(node) for node in hidden(tree)}
        for node in ast.walk(tree):
            found = text_of(node)
            sql = found.lstrip().startswith((*SQL, *SQL_PARTS)) and not found.endswith(";")
            if id(node) not in skipped and len(found.split()) >= WORDS and not sql:
                collected.append((path.relative_to(SOURCE).as_posix(), found))
    return tuple(collected)


def text_of(node: ast.AST) -> str:
    """Return the text of a literal, also of one that is filled in; empty for any other node."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
    return ""


def hidden(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the literals that are no texts of their own: docstrings, parts of others, events of the log."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as value):
                yield value
            case ast.JoinedStr():
                yield from (part for part in node.values if isinstance(part, ast.Constant))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in LOGGED:
                yield from ast.walk(node)


def defines(test: str) -> bool:
    """Whether a test ``path::name`` exists."""
    path, _, name = test.partition("::")
    file: Path = REPOSITORY / path
    return file.exists() and any(
        isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(ast.parse(file.read_text()))
    )
