import asyncio
import sys
import time
from types import SimpleNamespace

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

from routeiq_gateway.litellm_edge.database.periodic_jobs import SOON, LastRuns, carry_on


def nothing() -> None:
    """Do a job's work."""


async def moved(monkeypatch: pytest.MonkeyPatch, last: LastRuns) -> dict[str, float]:
    """Return in how many seconds the jobs run that a worker moves: of one every 10 minutes, and one at midnight."""
    scheduler = AsyncIOScheduler()
    scheduler.add_job(nothing, "interval", seconds=600, id="often")
    scheduler.add_job(nothing, "cron", hour=0, id="daily")
    scheduler.start(paused=True)
    monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", SimpleNamespace(scheduler=scheduler))
    try:
        return dict(carry_on(last, time.monotonic(), str))
    finally:
        scheduler.shutdown(wait=False)


@pytest.mark.parametrize(
    ("began", "ran", "seconds"),
    [(-500, None, 100), (-500, -200, 400), (-5000, -450, 150), (-5000, -5000, SOON), (-5000, None, SOON)],
)
def test_a_job_is_due_one_interval_after_its_last_run_in_any_worker(
    monkeypatch: pytest.MonkeyPatch, began: float, ran: float | None, seconds: float
) -> None:
    """It is due an interval after the gateway began where it has not run; what is overdue runs at once."""
    now = time.monotonic()
    last = LastRuns(now + began, {} if ran is None else {"often": now + ran})
    assert asyncio.run(moved(monkeypatch, last)) == {"often": pytest.approx(seconds, abs=2)}


def test_the_first_worker_runs_its_jobs_when_litellm_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job is put off."""
    assert asyncio.run(moved(monkeypatch, LastRuns(time.monotonic() + 5))) == {}


def test_a_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that has run a job says so, by the job's name."""

    async def run() -> list[str]:
        scheduler = AsyncIOScheduler()
        scheduler.add_job(nothing, "interval", seconds=0.01, id="often")
        monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", SimpleNamespace(scheduler=scheduler))
        told: list[str] = []
        ran = asyncio.Event()
        scheduler.start()

        def tell(job: str) -> None:
            told.append(job)
            ran.set()

        carry_on(LastRuns(0.0), time.monotonic(), tell)
        await asyncio.wait_for(ran.wait(), 10)
        scheduler.shutdown(wait=False)
        return told

    assert set(asyncio.run(run())) == {"often"}
