"""``status`` and ``plan``: print whether the database is current, and what ``up`` would run. They change nothing."""

import json

from routeiq_migrate.apply.permission import examine_scripts
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import Exit, MissingRightsError
from routeiq_migrate.indexes.request_logs import needs_of_indexes
from routeiq_migrate.ledger import read_ledgers
from routeiq_migrate.plan.needs import needs_of_plan
from routeiq_migrate.plan.plan import Apply, Plan, Refusal
from routeiq_migrate.rights.check import missing_rights, missing_text
from routeiq_migrate.scripts import Scripts


async def status(database: Database, scripts: Scripts, *, as_json: bool) -> Exit:
    """Print whether the database is current; ``BEHIND`` when it is not."""
    ledgers = await read_ledgers(database)
    found = scripts.plan(ledgers)
    blocked, plan = (found.reason, Plan()) if isinstance(found, Refusal) else ("", found)
    current = plan.current and not blocked
    applied, own = sum(1 for row in ledgers.rows or () if row.applied), len(ledgers.own or ())
    if as_json:
        document = {
            "current": current,
            "applied": applied + own,
            "pending": list(plan.names),
            "ahead": list(plan.ahead),
            "edited": list(plan.edited),
            "blocked": blocked or None,
        }
        lines = [json.dumps(document, indent=2)]
    else:
        if blocked:
            lines = [f"blocked: {blocked}"]
        elif current:
            lines = [f"current: {applied} migrations of LiteLLM and {own} of RouteIQ applied"]
        else:
            lines = [f"behind: {len(plan.names)} pending", *(f"  {name}" for name in plan.names)]
        lines += [
            f"{word}: {', '.join(names)}" for word, names in (("ahead", plan.ahead), ("edited", plan.edited)) if names
        ]
    print("\n".join(lines))  # noqa: T201 - the answer
    return Exit.DONE if current else Exit.BEHIND


async def show_plan(database: Database, scripts: Scripts) -> Exit:
    """Print what ``up`` would run, with the statements that could lose data.

    Raises:
        RefusedError: only a person can say what is to be done, or a script is not SQL.
        MissingRightsError: the user may not do all of it; the plan is printed all the same where it can be made.
    """
    ledgers = await read_ledgers(database, scripts.needs)
    plan = scripts.plan_or_refuse(ledgers)
    pending = [step.migration for step in plan.steps if isinstance(step, Apply)]
    indexes = await needs_of_indexes(database)
    missing: list[str] = []
    if not ledgers.read_only:
        missing = await missing_rights(database, lambda: needs_of_plan(plan, ledgers) | indexes)
    # Whether rows would be lost is asked of the tables, which may not be readable.
    findings = () if missing else await examine_scripts(database, [*pending, *plan.own])
    lines = [] if plan.names else ["nothing to do"]
    for name in plan.names:
        lines.append(name)
        for finding in findings:
            if finding.migration == name:
                consequence = f"allowed: {finding.excuse}" if finding.excuse else "needs --allow-destructive"
                lines.append(f"  destructive, {finding.danger}: {consequence}")
    if missing:
        lines += ["missing rights; what could lose data is shown once they are granted:", *(f"  {m}" for m in missing)]
    print("\n".join(lines))  # noqa: T201 - the answer
    if missing:
        raise MissingRightsError(await missing_text(database, missing, "the pending migrations"))
    return Exit.DONE
