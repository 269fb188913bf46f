"""Who asks for the fleet or its history is answered in time, and together with all who ask meanwhile."""

import asyncio

from routeiq_syncd.control.client import SECONDS
from routeiq_syncd.control.fleet_history import ANSWER_SECONDS, Question
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import Timing
from routeiq_syncd.status.document import Json


def unreached() -> Database:
    """A database that nothing here asks."""
    return Database(Session(parse_url("postgresql://u:p@127.0.0.1:1/d"), seconds=5), "config_sync", Timing())


def test_many_who_ask_share_one_question() -> None:
    """The database is asked once for all; one that hangs up takes the answer from nobody; who asks later asks anew."""
    database = unreached()
    asked = []

    async def story() -> None:
        answering = asyncio.Event()

        async def ask(about: Database) -> Json:
            asked.append(about.lock_name)
            await answering.wait()
            return {"number": len(asked)}

        question = Question(database, ask)
        first, *others = [asyncio.create_task(question.reply()) for _ in range(20)]
        await asyncio.sleep(0)  # each has asked
        first.cancel()
        answering.set()
        assert await asyncio.gather(*others) == [(200, {"number": 1})] * 19
        assert await question.reply() == (200, {"number": 2})

    asyncio.run(story())
    assert asked == ["config_sync"] * 2


def test_a_question_ends_before_those_who_ask_give_up() -> None:
    """The answer then names the database; the limit is shorter than that of the command."""

    async def never(_about: Database) -> Json:
        await asyncio.Event().wait()
        raise AssertionError("unreachable: nobody sets it")

    async def story() -> tuple[int, Json]:
        async with asyncio.timeout(10):
            return await Question(unreached(), never, seconds=0.05).reply()

    code, document = asyncio.run(story())
    assert (code, document["error"]) == (
        503,
        "PostgreSQL at 127.0.0.1:1 cannot be used: it has not answered for 0.05 s.",
    )
    assert ANSWER_SECONDS < SECONDS
