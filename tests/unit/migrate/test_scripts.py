import pytest

from routeiq_migrate.errors import RefusedError
from routeiq_migrate.plan.destructive import dangers
from routeiq_migrate.plan.migration import Ledgers
from routeiq_migrate.plan.plan import Refusal
from routeiq_migrate.scripts import Scripts, own_migrations


def test_our_own_migrations_destroy_nothing() -> None:
    """They run without being judged, so it is judged here."""
    for migration in own_migrations():
        assert dangers(migration.script) == ()


def test_a_command_that_cannot_do_without_a_plan_ends_with_the_reason_of_the_refusal() -> None:
    """The reason that other commands show is the error of the command that has to go on."""
    scripts, ledgers = Scripts((), own_migrations()), Ledgers(None, None, 1)
    refusal = scripts.plan(ledgers)
    assert isinstance(refusal, Refusal)
    with pytest.raises(RefusedError) as refused:
        scripts.plan_or_refuse(ledgers)
    assert str(refused.value) == refusal.reason
    assert scripts.plan_or_refuse(Ledgers(None, None, 0)).own == own_migrations()
