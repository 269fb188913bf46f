"""What each saving brings: ``python -m bench.parts [SHAPE [ROUNDS [SAVING ...]]]``, SHAPE being of `bench.shapes`.

One process serves all, without HTTP on its front, and each saving is taken out and put back between two batches of
requests: so all variants share one heap, one layout of memory and one minute of the machine. Where savings are named,
these are taken out, one by one and together, and no others: with more rounds, small ones show. CPU time of the whole
process counts. Prints, for each variant, the median of the rounds' ratios to the process with all savings, and between
what its middle half lies.
"""

import asyncio
import gc
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from bench import scenarios
from bench.shapes import SHAPES, Shape
from bench.sides import KEY, configuration, environment
from routeiq_gateway.litellm_edge import proxy
from routeiq_gateway.litellm_edge.calls_in_threads import only_prepares
from routeiq_gateway.litellm_edge.environment import use_config
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.litellm_edge.savings import table as savings
from routeiq_gateway.worker.replies import Application

CONNECTIONS = 16
WARM, MEASURED = 1, 3
"""Requests that each connection sends before and while a variant is measured."""
ALL, NONE, THREADS = "all", "none", "all, but requests are prepared in threads"


class Parts:
    """The savings, each with what it replaces."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Any, str, Any, Any]] = {}
        for saving in savings.SAVINGS:
            holder, last, before = saving.place()
            self._places[saving.name] = (holder, last, before, saving.by(before))
        self.names = list(self._places)

    def use(self, names: set[str]) -> None:
        """Have these savings in their places, and no others."""
        for name, (holder, last, before, after) in self._places.items():
            setattr(holder, last, after if name in names else before)


async def ask(application: Application, shape: Shape) -> None:
    """Send one request to the application and check its answer."""
    headers = {"host": "bench", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": shape.path,
        "raw_path": shape.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    parts = [{"type": "http.request", "body": shape.body().encode(), "more_body": False}]
    statuses = []

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.get_running_loop().create_future()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await application(scope, receive, send)
    assert statuses == [200], statuses


async def batch(application: Application, shape: Shape, each: int) -> None:
    """Send ``each`` requests on every connection."""

    async def connection() -> None:
        for _ in range(each):
            await ask(application, shape)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def variants_of(names: list[str], chosen: list[str]) -> dict[str, set[str]]:
    """Return the savings that are in their places, by the name of the variant."""
    every = set(names)
    others = {"all, without those below": every - set(chosen)} if chosen else {NONE: set[str](), THREADS: every}
    return {ALL: every} | others | {f"all, without {name}": every - {name} for name in chosen or names}


async def measure(
    shape: Shape, rounds: int, chosen: list[str], in_threads: Callable[[bool], None]
) -> dict[str, list[float]]:
    """Return for each variant the CPU microseconds of a request, one figure a round."""
    application, parts = proxy.application(), Parts()
    variants = variants_of(parts.names, chosen)
    found: dict[str, list[float]] = {name: [] for name in variants}
    async with application.router.lifespan_context(application):
        await batch(application, shape, 10)
        gc.collect()
        gc.freeze()
        gc.enable()
        for _ in range(rounds):
            for name in random.sample(list(variants), len(variants)):
                parts.use(variants[name])
                in_threads(name in {NONE, THREADS})
                await batch(application, shape, WARM)
                before = time.process_time()
                await batch(application, shape, MEASURED)
                found[name].append((time.process_time() - before) * 1e6 / (CONNECTIONS * MEASURED))
    return found


def main() -> None:
    """Measure and print."""
    name, rounds, *chosen = [*sys.argv[1:], *("priced", "60")[len(sys.argv) - 1 :]]
    os.environ |= environment({})
    gc.disable()
    proxy.import_proxy(())
    threads = False

    def prepares(call: object) -> bool:
        return not threads and only_prepares(call)

    def in_threads(wanted: bool) -> None:  # noqa: FBT001 - a switch
        nonlocal threads
        threads = wanted

    with scenarios.upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(configuration(upstream, "one"))
        use_config(path, debug=False, detailed_debug=False)
        with asyncio.Runner(loop_factory=lambda: Loop(prepares, lambda _: None)) as runner:
            found = runner.run(measure(SHAPES[name], int(rounds), chosen, in_threads))
    print(f"\n| {name}, {rounds} rounds | CPU us a request | to all | middle half |\n|---|---:|---:|---|")
    for variant, figures in found.items():
        ratios = sorted(one / whole for one, whole in zip(figures, found[ALL], strict=True))
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"| {variant} | {statistics.median(figures):.0f} | {middle:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
