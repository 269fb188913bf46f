from routeiq_migrate.plan.created import created


def test_what_a_script_creates() -> None:
    """Tables, columns, indexes and named constraints, which prove that it ran."""
    script = (
        'CREATE TABLE "T" (a int); ALTER TABLE "T" ADD COLUMN b int, ADD CONSTRAINT k CHECK (b > 0);'
        'CREATE UNIQUE INDEX i ON "T" (a)'
    )
    assert [str(item) for item in created(script)] == [
        'table "T"',
        'column "b" of "T"',
        'constraint "k" of "T"',
        'index "i" of "T"',
    ]
