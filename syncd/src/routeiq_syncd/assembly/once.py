"""The commands that do their work once and end: ``once``, which takes one turn, and ``validate``."""

import argparse
import asyncio
import json
from pathlib import Path

from routeiq_syncd.assembly.parts import opened
from routeiq_syncd.configuration.rules import Findings, validate
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.revision.fetched import Failed, Fetched, Unacceptable
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.settings import Settings, read_limits
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.status.files import status_bytes
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot
from routeiq_syncd.volume.volume import Checkpoint


def once(options: argparse.Namespace, settings: Settings, checkpoint: Checkpoint, now: Now) -> int:
    """Take one turn of single mode and print its outcome; return the exit code.

    Raises:
        VolumeUnusableError: the volume cannot be written by this process.
    """
    log = build_log("syncd", level="CRITICAL", form=settings.log_format)
    with opened(settings, log, checkpoint, now) as parts:
        recorder = Recorder(Snapshot(**parts.first_fields()), log, now)
        reconciler = parts.reconciler()
        began = stamp(now())
        turn = asyncio.run(reconciler.apply(reconciler.fetch()))
        recorder.turned(turn, began, parts.volume.current())
        recorder.stopping()
        parts.volume.write_status(status_bytes(recorder))
    status = recorder.document()
    cli.say(json.dumps(cli.turn_document(turn, status)) if cli.as_json(options) else cli.turn_text(turn, status))
    return cli.DONE if turn.outcome in {"changed", "unchanged", "waiting"} else cli.FAILED


def check(path: Path) -> int:
    """Check the configuration at ``path`` and print its problems; return the exit code.

    Raises:
        BadSettingsError: a setting that limits a configuration cannot be read.
    """
    bounds, further, environment = read_limits()
    fetch = FileSource(path.absolute(), bounds, further).fetch(None)
    if isinstance(fetch, Failed):
        cli.complain(fetch.message)
        return cli.FAILED
    findings = Findings(fetch.problems if isinstance(fetch, Unacceptable) else (), ())
    if isinstance(fetch, Fetched):
        findings = validate(fetch.bundle, kind=fetch.version.kind, environment=environment)
    cli.say(cli.findings_text(findings, path))
    return cli.FAILED if findings.errors else cli.DONE
