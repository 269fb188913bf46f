"""LiteLLM's Prometheus metrics over the workers of a real gateway."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.gateway import Gateway, alive, config_with, gateway
from tests.support.small_disk import small_disk
from tests.support.waiting import wait_for

RELOADS = 10
WORKERS_AT_ONCE = 4  # two of the old generation, two of the new one
KINDS_OF_FILES = 4  # counters, histograms, and gauges of two modes
PROMETHEUS = "litellm_settings: {callbacks: [prometheus]}\n"
REQUESTS = "litellm_proxy_total_requests_metric_total"
STATE = "litellm_deployment_state"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(started: Gateway, *types: str) -> Samples:
    """Return the samples that ``/metrics`` shows, of ``types`` of metrics alone where they are given."""
    with started.client() as client:
        response = client.get("/metrics/")
    response.raise_for_status()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if not types or family.type in types
    }


def counted(started: Gateway) -> float:
    """Return how many requests the workers' shared metrics count."""
    return sum(value for (name, _), value in scrape(started).items() if name == REQUESTS)


def files(folder: Path) -> list[str]:
    """Return the names of all files of metrics in the gateway's temporary directory."""
    return sorted(path.name for path in (folder / "tmp").rglob("*.db"))


class Scraping:
    """Scrapes counters and histograms all the time, and notes what fell."""

    def __init__(self, started: Gateway) -> None:
        self.started = started
        self.scrapes = 0
        self.fell: list[str] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _run(self) -> None:
        before: Samples = {}
        while not self.over.wait(0.05):
            try:
                now = scrape(self.started, "counter", "histogram")
            except Exception as error:  # noqa: BLE001 - whatever it is, a scrape that fails fails the test
                self.fell.append(repr(error))
                return
            self.fell += [
                f"{key}: {value} to {now.get(key)}" for key, value in before.items() if now.get(key, -1) < value
            ]
            before = now
            self.scrapes += 1


def change(started: Gateway, number: int, extra: str = PROMETHEUS) -> None:
    """Have a revision served whose second model has never been there, and wait until the old workers have ended."""
    old = started.workers()
    model = (
        f"  - {{model_name: m{number}, litellm_params: {{model: openai/m{number}, api_key: x, mock_response: x}}}}\n"
    )
    started.wait_serving(started.volume.put(config_with(str(number), extra=model + extra)))
    wait_for("the old workers to end", lambda: not alive(old), seconds=60)


def test_metrics_are_whole_over_reloads_and_kills(tmp_path: Path) -> None:
    """Over ten reloads and a kill nothing falls in any scrape, all is counted, and nothing is left of what is gone.

    Places, and so files, are as many as workers were at once; gauges of dead workers and of removed models are gone.
    """
    with gateway(tmp_path, ROUTEIQ_ORPHAN_SECONDS="60") as started:
        change(started, 0)
        started.wait_ready()
        started.chat()
        with Scraping(started) as scraping:
            for number in range(1, RELOADS + 1):
                change(started, number)
                body = {"model": f"m{number}", "messages": [{"role": "user", "content": "x"}]}
                assert started.post("/v1/chat/completions", body).status_code == 200
        assert scraping.scrapes > RELOADS
        assert scraping.fell == []
        wait_for("every request in the metrics", lambda: counted(started) == RELOADS + 1)
        places = {path.stem for path in (tmp_path / "tmp").rglob("worker-*.lock")}
        assert len(places) == WORKERS_AT_ONCE
        assert {name.rpartition("_")[2] for name in files(tmp_path)} <= {f"{place}.db" for place in places}
        assert len(files(tmp_path)) <= WORKERS_AT_ONCE * KINDS_OF_FILES
        states = {dict(labels)["litellm_model_name"] for name, labels in scrape(started) if name == STATE}
        assert states == {f"m{RELOADS}"}

        victim = started.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for("a replacement", lambda: len(started.workers()) == 2 and victim not in started.workers())
        assert counted(started) == RELOADS + 1


def test_metrics_outlive_the_parent(tmp_path: Path) -> None:
    """The workers of a killed parent and those of the next one count on together."""
    with gateway(tmp_path) as first:
        first.volume.put(config_with("one", extra=PROMETHEUS))
        first.wait_ready()
        first.chat()
        wait_for("a request in the metrics", lambda: counted(first) == 1)
        orphans = first.workers()
        os.kill(first.process.process.pid, signal.SIGKILL)
        first.process.wait_for_exit()
        with gateway(tmp_path, port=first.port) as second:
            wait_for("the orphans to end", lambda: not alive(orphans), seconds=90)
            second.wait_ready()
            second.chat()
            wait_for("two requests in the metrics", lambda: counted(second) == 2)


def test_no_callback_no_file(tmp_path: Path) -> None:
    """Where the configuration has no Prometheus callback, no file of metrics is made and none is mapped."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        started.chat()
        assert not list((tmp_path / "tmp").glob("routeiq-metrics-*"))
        mapped = [entry.path for pid in started.workers() for entry in psutil.Process(pid).memory_maps()]
        assert not [path for path in mapped if path.endswith(".db")]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A temporary directory of eight MiB."""
    with small_disk(tmp_path / "tmp", 8) as folder:
        yield folder


@pytest.mark.parametrize("extra", ["", PROMETHEUS])
def test_a_full_temporary_directory_costs_no_request(tmp_path: Path, full: Path, extra: str) -> None:
    """With the temporary directory full before the first request, every request is answered and no worker dies."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("one", extra=extra))
        started.wait_ready()
        before = started.workers()
        with contextlib.suppress(OSError), (full / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass
        for _ in range(20):
            assert started.chat() == "one"
        assert started.workers() == before
        if extra:
            wait_for("the sentence", lambda: "metrics are left out of /metrics" in started.process.text())
