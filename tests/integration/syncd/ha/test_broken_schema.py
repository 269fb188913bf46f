"""A schema that is restored in sections, altered by hand or guarded by triggers: nobody ends, and all goes on after."""

import pytest

from tests.support.fleet import Fleet
from tests.support.waiting import wait_for

RAISE = """
CREATE FUNCTION routeiq.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
CREATE TRIGGER no BEFORE INSERT OR UPDATE ON routeiq.{table} FOR EACH ROW EXECUTE FUNCTION routeiq.no()
"""
CASES = {
    "replicas-without-key": (
        "ALTER TABLE routeiq.replica DROP CONSTRAINT replica_pkey",
        "ALTER TABLE routeiq.replica ADD CONSTRAINT replica_pkey PRIMARY KEY (lock_name, replica_id)",
    ),
    "leases-without-key": (
        "ALTER TABLE routeiq.lease DROP CONSTRAINT lease_pkey",
        "ALTER TABLE routeiq.lease ADD CONSTRAINT lease_pkey PRIMARY KEY (name)",
    ),
    "a-narrow-column": (
        "ALTER TABLE routeiq.replica ALTER COLUMN pod TYPE varchar(1) USING left(pod, 1)",
        "ALTER TABLE routeiq.replica ALTER COLUMN pod TYPE text",
    ),
    "another-type": (
        "ALTER TABLE routeiq.lease ALTER COLUMN renewed_at DROP DEFAULT, ALTER COLUMN renewed_at TYPE text",
        (
            "ALTER TABLE routeiq.lease ALTER COLUMN renewed_at TYPE timestamptz USING renewed_at::timestamptz,"
            " ALTER COLUMN renewed_at SET DEFAULT clock_timestamp()"
        ),
    ),
    **{
        f"a-trigger-on-{table}": (RAISE.format(table=table), "DROP FUNCTION routeiq.no() CASCADE")
        for table in ("lease", "replica", "revision")
    },
}


@pytest.mark.timeout(300)
def test_a_schema_that_is_broken_under_way_ends_nobody(replicas: Fleet) -> None:
    """In each state of the schema both replicas live and serve; once it is mended, a change arrives everywhere."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    for name, (broken, mended) in CASES.items():
        before = [len(replicas.log(index)) for index in range(2)]
        replicas.sql(broken)
        replicas.put(f"while-{name}")

        def told(before: list[int] = before, name: str = name) -> bool:
            if all(replicas.serving(index) == f"while-{name}" for index in range(2)):
                return True  # nothing that is asked now needs what is missing
            lines = [line for index in range(2) for line in replicas.log(index)[before[index] :]]
            return any(line["level"] in {"error", "warning"} for line in lines)

        wait_for(f"the change, or a word about {name}", told)
        for index in range(2):
            assert replicas.processes[index].process.poll() is None, name
            assert replicas.syncds[index].request("GET", "/readyz")[0] == 200, name
            assert replicas.syncds[index].request("GET", "/livez")[0] == 200, name
        replicas.sql(mended)
        replicas.put(f"after-{name}")
        replicas.wait_serving(f"after-{name}", seconds=40)
    for index in range(2):
        assert replicas.processes[index].process.poll() is None
        assert "Traceback" not in replicas.syncds[index].log.read_text()
