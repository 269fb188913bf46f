"""Files of metrics on a full disk: a real, small tmpfs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from routeiq_gateway.litellm_edge.metrics.places import Places
from tests.support.metrics import Counting, done, kill, scrape, start
from tests.support.small_disk import small_disk


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    with small_disk(tmp_path / "small", 1) as folder:
        yield folder


def fill(folder: Path) -> None:
    """Write until there is no room."""
    with (folder / "filler").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def test_no_room_at_the_start(small: Path) -> None:
    """On a full disk a worker counts on without a file, says so once, and a scrape reads what there is."""
    places = Places(small / "metrics", private=True)
    places.directory.mkdir(mode=0o700)
    fill(small)

    def work(counting: Counting) -> None:
        for number in range(100):
            counting.count(f"m{number}")
        said = [call.kwargs["event"] for call in counting.log.calls]
        assert said == ["metrics are left out of /metrics; requests go on"]

    pid, descriptor = start(places, work)
    done(descriptor)
    assert scrape(places.directory) == {}
    assert kill(pid) == -9


def test_no_room_to_grow(small: Path) -> None:
    """A disk that fills while a worker counts costs the values without room, and what has room is counted on."""
    places = Places(small / "metrics", private=True)

    def work(counting: Counting) -> None:
        counting.count("m")
        fill(small)
        for number in range(1000):
            counting.count(f"m{number}")
            counting.count("m")
        assert len(counting.log.calls) == 1

    pid, descriptor = start(places, work)
    done(descriptor)
    samples = scrape(places.directory)
    assert samples["requests_total", (("model", "m"),)] == 1001
    assert ("requests_total", (("model", "m999"),)) not in samples
    assert kill(pid) == -9


def test_room_that_comes_back(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once there is room again, a value that had none comes into the scrape, whole."""
    monkeypatch.setattr("routeiq_gateway.litellm_edge.metrics.room.AGAIN_SECONDS", 0)
    places = Places(small / "metrics", private=True)

    def work(counting: Counting) -> None:
        counting.count("m")
        fill(small)
        for number in range(1000):
            counting.count(f"m{number}")
        (small / "filler").unlink()
        counting.count("m999")

    pid, descriptor = start(places, work)
    done(descriptor)
    assert scrape(places.directory)["requests_total", (("model", "m999"),)] == 2
    kill(pid)


def test_every_file_is_reserved(small: Path) -> None:
    """Of every file, new or grown, every byte has its block."""
    places = Places(small / "metrics", private=True)

    def work(counting: Counting) -> None:
        for number in range(300):
            counting.count(f"m{number}")

    pid, descriptor = start(places, work)
    done(descriptor)
    files = list(places.directory.glob("*.db"))
    assert len(files) == 4
    assert max(file.stat().st_size for file in files) > 4096
    assert all(file.stat().st_blocks * 512 >= file.stat().st_size for file in files)
    kill(pid)
