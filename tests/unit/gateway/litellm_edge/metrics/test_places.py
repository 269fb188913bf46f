"""Metrics of many workers over many generations: real processes, prometheus_client's own collector."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from routeiq_gateway.litellm_edge.metrics.places import Places
from tests.support.metrics import Counting, done, kill, scrape, start

GENERATIONS = 500


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Places in a private directory that does not exist yet."""
    return Places(tmp_path / "metrics", private=True)


def serve(places: Places, model: str = "m", *, workers: int = 2) -> list[int]:
    """Start workers side by side that count a request each; return their pids."""
    started = [start(places, lambda counting: counting.count(model)) for _ in range(workers)]
    for _, descriptor in started:
        done(descriptor)
    return [pid for pid, _ in started]


class Scraping:
    """Scrapes all the time, and notes what fell."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.scrapes = 0
        self.fell: list[str] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        while not self.over.wait(0.01):
            try:
                now = scrape(self.directory)
            except Exception as error:  # noqa: BLE001 - whatever it is, a scrape that fails fails the test
                self.fell.append(repr(error))
                return
            kept = {key: value for key, value in now.items() if key[0] not in {"state", "busy"}}
            self.fell += [
                f"{key}: {value} to {kept.get(key)}" for key, value in before.items() if kept.get(key, -1) < value
            ]
            before = dict(kept)
            self.scrapes += 1


@pytest.fixture
def scraping(places: Places) -> Iterator[Scraping]:
    """Scrapes of ``places`` that run beside the test, of which no counter fell and none failed."""
    places.directory.mkdir(mode=0o700)
    running = Scraping(places.directory)
    running.thread.start()
    yield running
    running.over.set()
    running.thread.join()
    assert running.scrapes
    assert running.fell == []


@pytest.mark.usefixtures("scraping")
def test_500_generations_leave_what_5_leave(places: Places) -> None:
    """Files, blocks and samples are after 500 reloads what they were after 5, and no counter falls in any scrape.

    Each generation has two workers that are killed, and the counters have every request of all.
    """
    old: list[int] = []
    seen = []
    for generation in range(1, GENERATIONS + 1):
        new = serve(places)
        for pid in old:
            kill(pid)
        places.clear()
        old = new
        if generation in {5, GENERATIONS}:
            files = list(places.directory.iterdir())
            samples = scrape(places.directory)
            assert samples["requests_total", (("model", "m"),)] == 2 * generation
            assert samples["seconds_count", ()] == 2 * generation
            assert samples["busy", ()] == 2
            seen.append((len(files), sum(file.stat().st_blocks for file in files), len(samples)))
    for pid in old:
        kill(pid)
    assert seen[0] == seen[1]


def test_gauges_go_with_their_worker(places: Places) -> None:
    """What only a living worker can say is gone once it is dead, removed models' too; counters stay."""
    pids = serve(places, "removed", workers=3)
    assert len([key for key in scrape(places.directory) if key[0] == "state"]) == 3
    for pid in pids:
        kill(pid)
    places.clear()
    samples = scrape(places.directory)
    assert not [key for key in samples if key[0] == "state"]
    assert ("busy", ()) not in samples
    assert samples["requests_total", (("model", "removed"),)] == 3


def test_a_worker_empties_the_gauges_it_finds(places: Places) -> None:
    """A worker in the place of a dead one shows its own gauges only, also where no parent has cleared them."""
    for pid in serve(places, "removed"):
        kill(pid)
    pids = serve(places, "new")
    states = [dict(labels)["model"] for name, labels in scrape(places.directory) if name == "state"]
    assert states == ["new", "new"]
    for pid in pids:
        kill(pid)


def test_the_next_gateway_begins_anew_unless_orphans_serve(places: Places) -> None:
    """A new parent keeps the counters while a worker of the last one lives, and begins at nothing after that."""
    orphan, *others = serve(places)
    for pid in others:
        kill(pid)
    places.begin()
    places.end()
    assert scrape(places.directory)["requests_total", (("model", "m"),)] == 2
    kill(orphan)
    places.begin()
    assert scrape(places.directory) == {}
    places.end()
    assert not places.directory.exists()


def test_a_fork_of_a_worker_has_a_place_of_its_own(places: Places) -> None:
    """A process that a worker forks, as multiprocessing does, counts beside it, and nothing is counted over."""

    def work(counting: Counting) -> None:
        counting.count("m")
        pid = os.fork()
        if not pid:
            counting.count("m")
            os._exit(0)
        os.waitpid(pid, 0)
        counting.count("m")

    pid, descriptor = start(places, work)
    done(descriptor)
    assert scrape(places.directory)["requests_total", (("model", "m"),)] == 3
    kill(pid)


def test_an_operators_directory_is_kept(tmp_path: Path) -> None:
    """A directory that PROMETHEUS_MULTIPROC_DIR names is used, emptied of an earlier run's metrics, and not removed."""
    places = Places.find({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "mine")}, tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/counter_7.db").write_bytes(bytes(64))
    (tmp_path / "mine/other").touch()
    places.begin()
    places.end()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["other"]


def test_a_private_directory_is_private(places: Places) -> None:
    """A directory at the private one's place that others may write is not used."""
    places.directory.mkdir()
    places.directory.chmod(0o777)
    with pytest.raises(PermissionError, match="not this user's alone"):
        places.take()
