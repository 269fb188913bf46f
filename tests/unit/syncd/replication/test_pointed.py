"""How a replica fetches what a revision points to."""

import asyncio
from dataclasses import replace
from pathlib import Path

from routeiq_syncd.configuration.bundle import make_partial
from routeiq_syncd.replication.pointed import SPREAD_SECONDS, PointedFetcher, own_moment
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.volume.shelf import Shelf
from tests.support.snapshots import manifest


def test_a_fleet_asks_the_store_at_moments_of_its_own(tmp_path: Path) -> None:
    """Each replica lets a random part of two seconds pass before it fetches what a revision points to."""
    moments = [own_moment() for _ in range(200)]
    assert all(0 <= moment <= SPREAD_SECONDS for moment in moments)
    assert max(moments) - min(moments) > SPREAD_SECONDS / 2
    asked = []

    def pause() -> float:
        asked.append("waits")
        return 3600

    async def story() -> None:
        fetcher = PointedFetcher(Shelf(tmp_path), lambda: asked.append("fetched"), lambda: 0.0, pause=pause)
        assert fetcher.content(manifest(4), Pointer("bucket", "key", "1", None)) is None
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(story())
    assert asked[0] == "waits"


def test_a_file_in_a_store_of_another_kind_is_not_asked_of_s3(tmp_path: Path) -> None:
    """A later release may name a generation; which kind it is is told, and no store is asked."""
    revision = manifest(4)
    origin = Pointer("bucket", "key", None, None, "17")
    pointed = replace(revision, origins={entry.path: origin for entry in revision.files})

    async def story() -> str:
        ended = asyncio.Event()
        fetcher = PointedFetcher(Shelf(tmp_path), ended.set, lambda: 0.0, pause=lambda: 0.0)
        part = make_partial(pointed.files, {})
        assert fetcher.content(pointed, part) is None
        await asyncio.wait_for(ended.wait(), 10)
        found = fetcher.content(pointed, part)
        assert isinstance(found, str)
        return found

    assert "a store of the kind 'gcs', which this release cannot read by parts" in asyncio.run(story())
