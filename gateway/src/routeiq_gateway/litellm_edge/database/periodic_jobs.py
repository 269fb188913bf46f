"""LiteLLM's periodic jobs (budget reset, spend log cleanup, costs of batches, …) keep their time over reloads.

LiteLLM schedules each in its worker, for the first time one interval after the worker's start. Where workers live
shorter than that, which reloads and replacements see to, such a job would never run. So a worker begins where the
workers before it have left off: a job is due one interval after its last run in any of them, as it would be in a
process that nobody replaces.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

SOON = 2.0
"""Seconds after its start in which a worker runs what is overdue: it begins to serve first."""


@dataclass(frozen=True)
class LastRuns:
    """When each job ran last, in monotonic seconds, by the name that LiteLLM gives it.

    Attributes:
        began: when the gateway began, from which the interval of a job counts that has not run yet.
    """

    began: float
    at: dict[str, float] = field(default_factory=dict)

    def due(self, job: str, interval: float) -> float:
        """Return when a job is due that runs every ``interval`` seconds."""
        return self.at.get(job, self.began) + interval


def carry_on(last: LastRuns, now: float, tell: Callable[[str], object]) -> Mapping[str, float]:
    """Have this worker's jobs run when they are due after ``last``, if that is earlier than LiteLLM would run them.

    Args:
        last: the runs in workers before this one.
        now: monotonic seconds.
        tell: is given the name of each job of this worker that has run.

    Returns:
        In how many seconds from ``now`` the jobs run that were moved.
    """
    scheduler = sys.modules["litellm.proxy.proxy_server"].scheduler
    if scheduler is None:
        return {}
    interval_trigger = importlib.import_module("apscheduler.triggers.interval").IntervalTrigger
    moved = {}
    instant = datetime.now(UTC)  # noqa: TID251 - the scheduler's clock, by which jobs are due
    for job in scheduler.get_jobs():
        if not isinstance(job.trigger, interval_trigger):
            continue  # a time of day, which comes whoever waits for it
        seconds = max(last.due(job.id, job.trigger.interval.total_seconds()) - now, SOON)
        when = instant + timedelta(seconds=seconds)
        if job.next_run_time is not None and when < job.next_run_time:
            scheduler.modify_job(job.id, next_run_time=when)
            moved[job.id] = seconds
    scheduler.add_listener(
        lambda event: tell(event.job_id), importlib.import_module("apscheduler.events").EVENT_JOB_EXECUTED
    )
    return moved
