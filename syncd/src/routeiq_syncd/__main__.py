"""The command ``routeiq-syncd``, and the only place that builds things."""

import argparse
import asyncio
import contextlib
import json
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from routeiq_syncd.configuration.rules import Verdict, validate
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control import commands as asking
from routeiq_syncd.control.server import App, CannotListenError, listen, serve
from routeiq_syncd.control.tables import fleet_text, history_text
from routeiq_syncd.reconcile.poller import (
    Alone,
    Heartbeats,
    Poller,
    keep,
    read_answers,
    status_bytes,
    utc_now,
    watch,
    write_status,
)
from routeiq_syncd.reconcile.reconciler import Sync
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.fetched import Failed, Fetched, Unacceptable
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Publisher
from routeiq_syncd.runtime.lifeline import end_with_supervisord
from routeiq_syncd.runtime.logs import Log, build_log
from routeiq_syncd.runtime.waiting import Asked
from routeiq_syncd.settings import BadSettingsError, Settings, read_limits, read_settings
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.sources.s3 import open_s3
from routeiq_syncd.sources.source import S3SettingsError, Source
from routeiq_syncd.status.document import Cluster, Snapshot
from routeiq_syncd.status.recorder import Board
from routeiq_syncd.volume.volume import Checkpoint, VolumeUnusableError, no_checkpoint, open_volume


def main(arguments: Sequence[str] | None = None, *, checkpoint: Checkpoint = no_checkpoint) -> int:
    """Run the command and return its exit code (`cli`); ``checkpoint`` is called between the steps of a write."""
    options = cli.parser().parse_args(arguments)
    if options.command == "validate":
        return _validate(options)
    try:
        settings = read_settings()
    except BadSettingsError as error:
        for sentence in error.sentences:
            cli.complain(sentence)
        return cli.BAD_SETTINGS
    match options.command:
        case "status":
            return asking.status(settings)
        case "explain":
            return asking.explained(options, settings)
        case "fleet":
            return asking.view(options, settings, fleet_text)
        case "history":
            return asking.view(options, settings, history_text)
        case _:
            return _write(options, settings, checkpoint)


def _write(options: argparse.Namespace, settings: Settings, checkpoint: Checkpoint) -> int:
    """Run the commands that write the volume, with the volume and the source open."""
    try:
        # A candidate may never ask the source: there the client is made by whoever asks first.
        source = _open_source(settings, now=options.command == "once" or settings.election is None)
        volume = open_volume(settings.volume, checkpoint)
    except S3SettingsError as error:
        cli.complain(str(error))
        return cli.BAD_SETTINGS
    except VolumeUnusableError as error:
        cli.complain(str(error))
        return cli.FAILED
    host = socket.gethostname()
    holder = f"{host}-{secrets.token_hex(4)}"
    rules = Rules(settings.bounds, settings.environment, Publisher(holder))
    level = "CRITICAL" if options.command == "once" else settings.log_level  # `once` prints its outcome itself
    log = build_log("syncd", level=level, form=settings.log_format)
    volume.tell = lambda sentence: log.warning("set aside", reason=sentence)
    try:
        volume.recover()
        sync = Sync(source, volume, rules, utc_now)
        snapshot = Snapshot(
            holder_id=holder,
            source_kind=source.kind,
            source_location=source.location,
            desired=volume.current(),
            standing_warnings=settings.warnings,
        )
        if options.command == "run" and settings.election is not None:
            names = Cluster(volume.identity(f"{host}-{secrets.token_hex(4)}"), settings.election.lock_name)
            snapshot = replace(snapshot, cluster=names)
        board = Board(snapshot, log, utc_now)
        if options.command == "once":
            return _once(options, sync, board)
        if settings.supervised:
            end_with_supervisord()
        parts = Parts(settings, sync, rules, board, log, checkpoint)
        sockets = listen(settings.host, settings.port, settings.socket)
        return asyncio.run(_run(parts, sockets))
    except CannotListenError as error:
        log.error("cannot listen", reason=str(error))
        return cli.FAILED
    except BaseExceptionGroup:
        if volume.lost():
            log.error("the volume was emptied or replaced; the next start makes it anew", volume=str(volume.root))
        else:
            log.exception("a loop died")
        return cli.FAILED
    finally:
        volume.close()


def _open_source(settings: Settings, *, now: bool) -> Source:
    if settings.source == "s3":
        source = open_s3(settings.bucket, settings.key, settings.bounds.config_bytes)
        if now:
            source.open()
        return source
    return FileSource(settings.config_path, settings.bounds)


@dataclass(frozen=True)
class Parts:
    """What `run` is put together from."""

    settings: Settings
    sync: Sync
    rules: Rules
    board: Board
    log: Log
    checkpoint: Checkpoint


async def _run(parts: Parts, sockets: list[socket.socket]) -> int:
    """Run the loops until a signal stops them. A loop that dies takes the process down with it."""
    settings, sync, board, log = parts.settings, parts.sync, parts.board, parts.log
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    heartbeats = Heartbeats()
    loops: list[Awaitable[None]] = [
        read_answers(sync.volume, board, heartbeats),
        write_status(sync.volume, board, heartbeats, log),
        keep(sync.volume, heartbeats),
        *(_alone(parts, heartbeats, sockets) if settings.election is None else _elected(parts, heartbeats, sockets)),
    ]
    log.info("started", source=sync.source.location, volume=str(settings.volume), interval=settings.interval)
    for warning in settings.warnings:
        log.warning("setting warning", warning=warning)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_endless(loop)) for loop in loops]
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        board.stopping()
        with contextlib.suppress(OSError):  # a faulty or lost volume must not turn a clean stop into a failure
            sync.volume.write_status(status_bytes(board))
            settings.socket.unlink()
    log.info("stopped")
    return cli.DONE


def _alone(parts: Parts, heartbeats: Heartbeats, sockets: list[socket.socket]) -> list[Awaitable[None]]:
    """Make the loops of single mode."""
    sync, interval = parts.sync, parts.settings.interval
    poller = Poller(Alone(sync), parts.board, heartbeats, Asked(), interval=interval, now=utc_now)
    loops: list[Awaitable[None]] = [poller.run(), serve(App(parts.board, poller, heartbeats), sockets)]
    if isinstance(sync.source, FileSource):
        loops.append(watch(sync.source, poller, heartbeats, parts.log, interval=interval))
    return loops


def _elected(parts: Parts, heartbeats: Heartbeats, sockets: list[socket.socket]) -> list[Awaitable[None]]:
    """Make the loops of leader election."""
    from routeiq_syncd.assembly import leader_election as built  # noqa: PLC0415 - asyncpg's memory is paid on use

    names = parts.board.snapshot.cluster
    assert parts.settings.election is not None  # noqa: S101 - the caller asked
    assert names is not None  # noqa: S101 - as above
    cluster = built.Cluster(
        settings=parts.settings.election,
        sync=parts.sync,
        rules=parts.rules,
        board=parts.board,
        heartbeats=heartbeats,
        log=parts.log,
        now=utc_now,
        interval=parts.settings.interval,
        checkpoint=parts.checkpoint,
        replica_id=names.replica_id,
        pod=socket.gethostname(),
    )
    return [*cluster.loops(), serve(App(parts.board, cluster, heartbeats, cluster.views), sockets)]


async def _endless(loop: Awaitable[None]) -> None:
    await loop
    raise RuntimeError("a loop ended that must not end")


def _once(options: argparse.Namespace, sync: Sync, board: Board) -> int:
    began = stamp(utc_now())
    turn = sync.apply(sync.fetch())
    board.turned(turn, began, sync.volume.current())
    board.stopping()
    sync.volume.write_status(status_bytes(board))
    document = board.document()
    cli.say(json.dumps(cli.turn_document(turn, document)) if cli.as_json(options) else cli.turn_text(turn, document))
    return cli.DONE if turn.outcome in {"changed", "unchanged"} else cli.FAILED


def _validate(options: argparse.Namespace) -> int:
    path: Path = options.path
    try:
        bounds, environment = read_limits()
    except BadSettingsError as error:
        for sentence in error.sentences:
            cli.complain(sentence)
        return cli.BAD_SETTINGS
    match FileSource(path.absolute(), bounds).fetch(None):
        case Fetched(bundle, version):
            verdict = validate(bundle.files, kind=version.kind, environment=environment)
        case Unacceptable(problems):
            verdict = Verdict(problems, ())
        case Failed(message):
            cli.complain(message)
            return cli.FAILED
        case _:
            raise AssertionError("a source that knows nothing cannot be unchanged")
    cli.say(cli.verdict_text(verdict, path))
    return cli.FAILED if verdict.errors else cli.DONE


if __name__ == "__main__":
    sys.exit(main())
