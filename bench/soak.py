"""Random faults on whole replicas for long: ``python -m bench.soak [--seconds 3600] [--seed N]``.

Plays what `tests/e2e/test_random_faults.py` plays, but ends no program of the last replica, the elder, so that what
grows in it can be seen. At each calm, when everyone serves the same, what the replicas hold of the machine is measured.
Writes ``bench/RESULTS-soak.md``, and exits with 1 where an invariant was broken or a measure is not flat.
"""

import argparse
import datetime as dt
import os
import platform
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.flat import Measure
from bench.processes import machine
from bench.soak_samples import Sample, measures, sample
from tests.support.history import Event, Recorded, wrong
from tests.support.request_history import Asked
from tests.support.s3 import moto
from tests.support.schedule import Step, supervised_schedule
from tests.support.supervised.hands import SupervisedHands
from tests.support.supervised.world import SIZE, asked, world

RESULTS = Path(__file__).with_name("RESULTS-soak.md")
ELDER = SIZE - 1
ROWS = 12
SHOWN = (
    *("memory", "parent", "syncd", "descriptors", "sockets"),
    *("engines", "backends", "temporary_files", "volume_files"),
)
RULE = """\
A measure is flat where the median of its last third is above that of its first by a tenth at most, or by its slack
where that is more. The elder is the replica none of whose programs is ended.
"""


@dataclass
class Run:
    """What a run brought."""

    seed: int
    seconds: float
    steps: tuple[Step, ...]
    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    lasted: float = 0.0


def main() -> int:
    """Run, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    run = Run(options.seed, options.seconds, supervised_schedule(options.seed, options.seconds, SIZE))
    load = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="routeiq-soak-"))
    folder.chmod(0o755)
    with moto(folder) as s3, world(folder, s3, spared=frozenset({ELDER})) as hands:
        play(hands, run)
    found = wrong(run.events)
    if found:
        print(f"the logs of all replicas are left in {folder}")
    else:
        shutil.rmtree(folder)
    measured = measures(run.samples)
    text = report(run, measured, found, load)
    print(text)
    RESULTS.write_text(text)
    return 1 if found or not all(measure.flat for measure in measured) else 0


def play(hands: SupervisedHands, run: Run) -> None:
    """Carry out the schedule, with clients, and measure at each calm."""
    assert hands.provider is not None
    began = time.monotonic()

    def calmed() -> None:
        run.samples.append(sample(hands.whole, ELDER, began))
        print(f"{run.samples[-1]}; wrong so far: {wrong(hands.recorder.events)}", flush=True)

    hands.calmed = calmed
    hands.begin()
    with asked(hands, hands.provider):
        hands.play(run.steps)
    run.lasted = time.monotonic() - began
    record = hands.record
    record.read_database()
    record.read_ledgers()
    record.read_shown(hands.replicas.postgres.password)
    record.read_ends()
    run.events, run.done = record.events, hands.done


def report(run: Run, measured: list[Measure], found: list[str], load: float) -> str:
    """Return the text of the result."""
    host = machine()
    requests = [event for event in run.events if isinstance(event, Asked)]
    failed = [event for event in requests if event.problem]
    counts = Counter(type(event).__name__ for event in run.events)
    slowest = max(event.ended - event.began for event in requests)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(run.done.items()))
    every = max(1, len(run.samples) // ROWS)
    rows = [
        f"| {one.at / 60:.0f} | " + " | ".join(f"{getattr(one, name):.0f}" for name in SHOWN) + " |"
        for one in run.samples[::every]
    ]
    date = dt.datetime.now(dt.UTC).date().isoformat()
    lines = [
        "# Random faults on whole replicas, for long",
        "",
        f"Written by `make soak` on {date}; `docs/high-availability.md` says what it plays.",
        "",
        f"A schedule of {run.seconds / 60:.0f} minutes from the seed {run.seed}, {run.lasted / 60:.0f} with its calms:",
        f"{SIZE} supervised replicas with LiteLLM's database and a worker each, two clients at each, beside their",
        f"PostgreSQL, its standby and S3. {host.cpu}, {host.cores} cores, {host.memory_gib} GiB, shared with others;",
        f"Python {platform.python_version()}. Load average before and after: {load:.2f}, {os.getloadavg()[0]:.2f}.",
        "",
        f"What was done: {faults}.",
        "",
        "| what | figure |",
        "|---|---:|",
        f"| requests | {len(requests)} |",
        f"| of these failed: inside a killed worker, or at a replica that was down | {len(failed)} |",
        f"| the slowest request | {slowest:.1f} s |",
        f"| revisions published | {counts['Recorded']} |",
        f"| epochs of the lease | {counts['Granted']} |",
        f"| the last revision | {max(event.number for event in run.events if isinstance(event, Recorded))} |",
        f"| calms, each with a sample | {len(run.samples)} |",
        f"| violations of invariants 1 to 11 | {len(found)} |",
        "",
        *(f"- {sentence}" for sentence in found),
        "",
        RULE,
        "| measure | first third | last third | slack | flat |",
        "|---|---:|---:|---:|---|",
        *(
            f"| {one.name} | {one.first:.1f} | {one.last:.1f} | {one.slack:g} | {'yes' if one.flat else 'NO'} |"
            for one in measured
        ),
        "",
        "Over time, in the same units; the columns are measures from above.",
        "",
        "| minute | " + " | ".join(name.replace("_", " ") for name in SHOWN) + " |",
        "|---:|" + "---:|" * len(SHOWN),
        *rows,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
