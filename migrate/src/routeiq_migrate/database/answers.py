"""Statements that end: by the server's answer, its word against them, or the end of the session.

The session ends too where a server was asked, works on nothing, and says nothing. A statement may take hours, so that
no limit on its time tells a long build from a session that a network or a proxy has forgotten. A second session tells
them apart: the server knows what each of its sessions does.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from routeiq_migrate.database.connect import Connection, Whole, open_connection
from routeiq_migrate.database.url import DEFAULT_CONNECT_SECONDS, Target
from routeiq_migrate.errors import SessionLostError

ENDED = ("FATAL", "PANIC")
"""The severities with which a server ends the session."""

FIRST_SECONDS = 10.0
"""How long a statement takes before it is asked whether the server works on it."""

AGAIN_SECONDS = 5.0

MOST_UNANSWERED = 6
"""How many logins in a row without an answer make a server silent; one that is full or starts does answer."""

MOST_IDLE = 2
"""How many looks in a row find a session idle that is silent."""

# After a failover another server may answer, which knows nothing of the session; and what was asked may be on its way.
IDLE = """
SELECT coalesce((
    SELECT wait_event IS NOT DISTINCT FROM 'ClientRead' AND clock_timestamp() - state_change > make_interval(secs => $3)
    FROM pg_stat_activity WHERE pid = $1
), true) WHERE pg_postmaster_start_time()::text = $2"""


@dataclass
class Silence:
    """Watches the statements of one session.

    Attributes:
        target: the database.
        process: the session's process on the server; None behind a pooler, where it changes.
        started: when the server was started, in its own words.
        first: how long a statement takes before it is looked at, in seconds.
        again: the pause between two looks, in seconds.
        silent: whether the session was hung up on.
    """

    target: Target
    process: int | None
    started: str
    first: float = FIRST_SECONDS
    again: float = AGAIN_SECONDS
    silent: bool = field(default=False, init=False)

    @contextlib.contextmanager
    def limited(self, connection: Connection) -> Iterator[None]:
        """Look while the body waits for an answer on ``connection``.

        Raises:
            SessionLostError: the server was silent.
        """
        looking: list[asyncio.Task[None]] = []

        def look() -> None:
            looking.append(asyncio.create_task(self._look(connection)))

        timer = asyncio.get_running_loop().call_later(self.first, look)
        try:
            yield
        except SessionLostError:
            if not self.silent:
                raise
            raise SessionLostError(
                "The session was lost: the server works on nothing and says nothing. Run again."
            ) from None
        finally:
            timer.cancel()
            for task in looking:
                task.cancel()

    async def _look(self, connection: Connection) -> None:
        unanswered = idle = 0
        # One look may fall between two messages of a question.
        while unanswered < MOST_UNANSWERED and idle < MOST_IDLE:
            try:
                idle = idle + 1 if await self._idle() else 0
                unanswered = 0
            except TimeoutError:
                unanswered += 1
            except Exception:  # noqa: BLE001 - some answer, or the network's own word
                unanswered = 0
            await asyncio.sleep(self.again)
        self.silent = True
        connection.terminate()

    async def _idle(self) -> bool:
        """Whether the server says that the session asks nothing of it.

        Raises:
            TimeoutError: the server let nobody in.
        """
        seconds = self.target.connect_seconds or DEFAULT_CONNECT_SECONDS
        async with asyncio.timeout(seconds):
            other = await open_connection(self.target, seconds)
            try:
                if self.process is None:
                    return False
                return bool(await other.fetchval(IDLE, self.process, self.started, self.first / 2))
            finally:
                other.terminate()


class Told(Whole):
    """A connection whose statements fail by the server's word, a PostgresError, or because the session has ended.

    asyncpg raises errors of many kinds where the server goes away between two of its states, or is none.

    Attributes:
        silence: hangs up on a server that is silent under a statement; None until the session is known.
    """

    __slots__ = ("silence",)

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 - asyncpg's own
        self.silence: Silence | None = None
        super().__init__(*parts)

    async def execute(self, *parts: Any, **more: Any) -> Any:  # noqa: ANN401 - asyncpg's own
        """As asyncpg's: run a statement."""
        with self._heard(), _losing():
            return await super().execute(*parts, **more)

    async def fetch(self, *parts: Any, **more: Any) -> Any:  # noqa: ANN401 - asyncpg's own
        """As asyncpg's: return all rows."""
        with self._heard(), _losing():
            return await super().fetch(*parts, **more)

    async def fetchrow(self, *parts: Any, **more: Any) -> Any:  # noqa: ANN401 - asyncpg's own
        """As asyncpg's: return the first row."""
        with self._heard(), _losing():
            return await super().fetchrow(*parts, **more)

    async def fetchval(self, *parts: Any, **more: Any) -> Any:  # noqa: ANN401 - asyncpg's own
        """As asyncpg's: return a value."""
        with self._heard(), _losing():
            return await super().fetchval(*parts, **more)

    def _heard(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext() if self.silence is None else self.silence.limited(self)


@contextlib.contextmanager
def _losing() -> Iterator[None]:
    """Make every error but the server's word on a statement the end of the session.

    Raises:
        SessionLostError: the session has ended.
        PostgresError: the server did not do what was asked, and the session goes on.
    """
    try:
        yield
    except Exception as error:
        ended = isinstance(error, asyncpg.PostgresConnectionError) or getattr(error, "severity", None) in ENDED
        if isinstance(error, asyncpg.PostgresError) and not ended:
            raise
        reason = getattr(error, "sqlstate", None) or "no SQLSTATE"
        raise SessionLostError(f"The session was lost: {type(error).__name__} ({reason}). Run again.") from error
