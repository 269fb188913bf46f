import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_migrate.plan.migration import Ledgers, Migration, Row
from routeiq_migrate.plan.plan import Apply, Finish, Plan, Refusal, make_plan

FILES = tuple(Migration(f"2025010{i}000000_m{i}", f"CREATE TABLE t{i} (a int);") for i in range(1, 6))
OWN = (Migration("0001_first", "SELECT 2"), Migration("0002_second", "SELECT 3"))


def row(migration: Migration, **changes: object) -> Row:
    """Return the row of a success, or another with ``changes``."""
    fields: dict[str, object] = {
        "id": migration.name,
        "name": migration.name,
        "checksum": migration.checksum,
        "finished": True,
        "rolled_back": False,
        "steps": 1,
        "logs": "",
    }
    return Row(**{**fields, **changes})  # type: ignore[arg-type] # fields by name


def ledgers(*rows: Row, own: tuple[Migration, ...] = OWN, tables: int = 9) -> Ledgers:
    """Return ledgers with ``rows`` and all of ``own``."""
    return Ledgers(rows, tuple((m.name, m.checksum) for m in own), tables)


def plan_of(found: Ledgers, shipped: tuple[Migration, ...] = FILES, own: tuple[Migration, ...] = OWN) -> Plan:
    """Return the plan for ``found``, which is no refusal."""
    plan = make_plan(shipped, own, found)
    assert isinstance(plan, Plan)
    return plan


def refusal_of(found: Ledgers) -> str:
    """Return why no plan is made for ``found``."""
    refusal = make_plan(FILES, OWN, found)
    assert isinstance(refusal, Refusal)
    return refusal.reason


@given(applied=st.sets(st.sampled_from(FILES)))
def test_what_is_not_applied_is_pending_in_order(applied: set[Migration]) -> None:
    """Whatever subset is applied, the rest is planned, in the order of the files."""
    plan = plan_of(ledgers(*(row(m) for m in applied)))
    assert plan.steps == tuple(Apply(m) for m in FILES if m not in applied)
    assert plan.current == (len(applied) == len(FILES))


def test_an_empty_database_needs_everything() -> None:
    """No ledgers, no tables: all of LiteLLM's, then all of ours."""
    plan = plan_of(Ledgers(None, None, 0))
    assert plan.names == (*(m.name for m in FILES), *(f"routeiq/{m.name}" for m in OWN))


def test_tables_without_ledger_are_refused() -> None:
    """P3005."""
    assert "P3005" in refusal_of(Ledgers(None, None, 1))


def test_a_rolled_back_row_is_as_good_as_none() -> None:
    """Somebody resolved it: the migration runs again."""
    rows = [row(m) for m in FILES[:4]] + [row(FILES[4], finished=False, rolled_back=True, logs="boom")]
    assert plan_of(ledgers(*rows)).steps == (Apply(FILES[4]),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": 1}, Finish),
        ({"steps": 0, "logs": ""}, "rerun"),
        ({"steps": 0, "logs": "ERROR: deadlock detected"}, "retry"),
        ({"steps": 0, "logs": "boom"}, Refusal),
        ({"steps": 1, "checksum": "other"}, Refusal),
        ({"steps": 1, "logs": "boom"}, Refusal),
    ],
)
def test_a_failed_row_is_resolved_where_it_proves_what_happened(changes: dict[str, object], expected: object) -> None:
    """LiteLLM's and Prisma's evidence, case by case."""
    failed = row(FILES[0], finished=False, **changes)
    given_ledgers = ledgers(failed, *(row(m) for m in FILES[1:]))
    if expected is Refusal:
        assert "P3009" in refusal_of(given_ledgers)
        return
    (step,) = plan_of(given_ledgers).steps
    if expected is Finish:
        assert step == Finish(FILES[0], failed)
    else:
        assert step == Apply(FILES[0], replaces=failed, perhaps_done=expected == "rerun")


def test_a_failure_nobody_ships_any_more_is_refused() -> None:
    """There is no file to compare it with."""
    stranger = row(Migration("20200101000000_x", ""), finished=False)
    assert "20200101000000_x" in refusal_of(ledgers(stranger, *(row(m) for m in FILES)))


def test_inert_scripts_may_be_repeated_whatever_the_logs() -> None:
    """Comments and SELECT 1 can neither repeat nor skip a change."""
    inert = Migration("20250101000000_i", "-- nothing\nSELECT 1;")
    failed = row(inert, finished=False, logs="statement timeout", steps=0)
    assert plan_of(ledgers(failed, own=()), shipped=(inert,), own=()).steps == (Apply(inert, replaces=failed),)


def test_ahead_and_edited() -> None:
    """Newer than all we know is ahead; older and unknown is nothing; another checksum is edited."""
    rows = [row(m) for m in FILES]
    rows[1] = row(FILES[1], checksum="other")
    future, past = Migration("20990101000000_f", "x"), Migration("20000101000000_p", "x")
    plan = plan_of(ledgers(*rows, row(future), row(past), own=(*OWN, Migration("0003_third", ""))))
    assert plan.ahead == ("20990101000000_f", "routeiq/0003_third")
    assert plan.edited == (FILES[1].name,)
    assert plan.current
