"""The commands that do their work once and end: ``once``, which takes one turn, and ``validate``."""

import argparse
import asyncio
import json
from importlib.metadata import version
from pathlib import Path

from routeiq_syncd.assembly.parts import opened
from routeiq_syncd.configuration.rules import Findings, validate
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control.findings import TOOL, as_json, as_sarif, as_text
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


def check(options: argparse.Namespace) -> int:
    """Check the configurations at ``options.paths`` and print their problems; return the exit code.

    Raises:
        BadSettingsError: a setting that limits a configuration cannot be read.
    """
    bounds, further, environment = read_limits()
    found = list[tuple[Path, Findings]]()
    code = cli.DONE
    for path in options.paths:
        fetch = FileSource(path.absolute(), bounds, further).fetch(None)
        if isinstance(fetch, Failed):
            cli.complain(fetch.message)
            code = cli.FAILED
        else:
            findings = Findings(fetch.problems if isinstance(fetch, Unacceptable) else (), ())
            if isinstance(fetch, Fetched):
                findings = validate(fetch.bundle, kind=fetch.version.kind, environment=environment)
            found.append((path, findings))
    if options.sarif:
        cli.say(as_sarif(found, version(TOOL)))
    elif options.json or found:
        cli.say((as_json if options.json else as_text)(found))
    return cli.FAILED if any(findings.errors for _, findings in found) else code
