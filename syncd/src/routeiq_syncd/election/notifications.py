"""Notifications: news without polling, and on the same connection the guard that dies with its holder.

A transaction pooler hands connections around: a LISTEN is lost there, and a session lock stays with somebody else. So
the connection proves itself first. Where it cannot, syncd says so once, and polling does without both.
Source: https://www.postgresql.org/docs/current/sql-notify.html.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from routeiq_syncd.database.connect import Connection
from routeiq_syncd.database.faults import DatabaseAwayError, away
from routeiq_syncd.database.questions import Database
from routeiq_syncd.replication.follower import LOOK_SECONDS, Follower
from routeiq_syncd.revision.plan import AHEAD
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import woken
from routeiq_syncd.status.recorder import ClusterRecorder

PROOF_SECONDS = 3.0
CHECK_SECONDS = 4.0  # proxies and servers that cut what is idle leave it for ten seconds and more
AGAIN_SECONDS = 60.0
RETRY_SECONDS = 2.0
MOST_DIGITS = 9
SPREAD_SECONDS = 0.002  # for each replica: five look within 10 ms, a thousand within 2 s


@dataclass(eq=False)
class Notifications:
    """Listens, and holds the guard of an epoch on the same connection.

    Attributes:
        on_ahead: called when a replica says that it is ahead of the database.
        on_asked: called when somebody has asked something of the holder.
    """

    database: Database
    follower: Follower
    recorder: ClusterRecorder
    liveness: Liveness
    on_ahead: Callable[[], None] = lambda: None
    on_asked: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._connection: Connection | None = None
        self._using = asyncio.Lock()
        self._guarded: int | None = None
        self._wanted: int | None = None  # the epoch of this syncd's term
        self._token = secrets.token_hex(8)
        self._proved = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        was_told = False
        while True:
            self.liveness.report("listen", within=CHECK_SECONDS + self.database.session.limit)
            if self.recorder.snapshot.barred == "standby":  # which takes no LISTEN
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                connection = await self.database.session.connect(seconds=PROOF_SECONDS)
            except DatabaseAwayError:  # the follower meets it too, and records it
                await asyncio.sleep(RETRY_SECONDS * spread(0.5, 1.5))
                continue
            pause = RETRY_SECONDS * spread(0.1, 1)
            try:
                if await self._hears(connection):
                    self._connection, was_told = connection, False
                    if self._wanted is not None:
                        await self.guard(self._wanted)
                    self.recorder.clustered(delivery="listen")
                    self.follower.nudge()  # for news from before the LISTEN
                    await self._stay(connection)
                    if self._guarded is not None:  # candidates take an epoch that is not guarded for the dead's
                        pause = 0.0
                else:
                    pause = AGAIN_SECONDS
                    if not was_told:
                        self.recorder.log.warning("no notification arrives through this connection; polling only")
                    was_told = True
            except DatabaseAwayError:  # the follower records it
                pass
            finally:
                self._connection = self._guarded = None
                self.recorder.clustered(delivery="poll")
                connection.terminate()
            self.liveness.report("listen", within=pause)
            await asyncio.sleep(pause)

    async def guard(self, epoch: int) -> bool:
        """Guard ``epoch`` while this connection lives, and on the next; return whether it is guarded now."""
        self._wanted = epoch
        if self._guarded != epoch and self._connection is not None:
            key, query = self.database.guard_key, "SELECT pg_try_advisory_lock($1, $2)"
            taken = await self._ask(self._connection, query, key, epoch % 2147483647)
            self._guarded = epoch if taken else None
        return self._guarded == epoch

    async def unguard(self) -> None:
        """Give up the guard."""
        self._wanted = None
        if self._guarded is not None and self._connection is not None:
            self._guarded = None
            await self._ask(self._connection, "SELECT pg_advisory_unlock_all() IS NULL")

    async def _hears(self, connection: Connection) -> bool:
        """Return whether a notification that another connection sends arrives here.

        Raises:
            DatabaseAwayError: the proof could not be tried.
        """
        if self.database.session.pooled:
            return False
        self._proved.clear()
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await connection.add_listener(self.database.channel, self._heard)
        except Exception as error:  # noqa: BLE001 - told as `away` puts it
            fault = away(error, self.database.session.place)
            raise fault from None
        async with self.database.session.use() as other:
            await other.fetch("SELECT pg_notify($1, $2)", self.database.channel, self._token)
        await woken(self._proved, PROOF_SECONDS)
        return self._proved.is_set()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        news, _, replicas = str(payload).partition(" ")
        if news == self._token:
            self._proved.set()
        elif news == "published":
            # Reading a revision costs the server work, and every replica hears of it at once.
            many = int(replicas[:MOST_DIGITS]) if replicas.isdecimal() else 0
            self.follower.nudge(within=min(LOOK_SECONDS, SPREAD_SECONDS * many))
        elif news == "released":
            self.follower.nudge()
        elif news == "asked":
            self.on_asked()
        elif payload == AHEAD:
            self.on_ahead()

    async def _stay(self, connection: Connection) -> None:
        """Return when the connection is gone. A firewall may have forgotten a silent connection, so it is asked."""
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _connection: closed.set())
        while not connection.is_closed():
            self.liveness.report("listen", within=CHECK_SECONDS + PROOF_SECONDS)
            await woken(closed, CHECK_SECONDS)
            if not closed.is_set() and await self._ask(connection, "SELECT true") is None:
                return

    async def _ask(self, connection: Connection, query: str, *arguments: object) -> bool | None:
        """Ask for one truth value; end the connection and return None where it does not answer."""
        async with self._using:
            try:
                async with asyncio.timeout(PROOF_SECONDS):
                    return bool(await connection.fetchval(query, *arguments))
            except Exception:  # noqa: BLE001 - a connection that does not answer is ended, whatever the reason
                connection.terminate()
                return None
