"""The commands that ask a running syncd over its socket, and fall back on what it left on the volume."""

import argparse
import json
from collections.abc import Callable

from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control.client import SECONDS, Absent, ask, read_document
from routeiq_syncd.reconcile.poller import utc_now
from routeiq_syncd.settings import Settings
from routeiq_syncd.status.document import Json, last_known
from routeiq_syncd.status.explain import explain
from routeiq_syncd.volume.volume import read_status


def status(settings: Settings) -> int:
    """Print the status; return the exit code."""
    code, document = _known_status(settings)
    if document is not None:
        cli.say(json.dumps(document, indent=1, ensure_ascii=False))
    return code


def explained(options: argparse.Namespace, settings: Settings) -> int:
    """Print the explanation; return the exit code."""
    code, document = _known_status(settings)
    if document is not None:
        told = explain(document)
        sentences = [str(sentence) for part in told.values() if isinstance(part, list) for sentence in part]
        cli.say(json.dumps(told, indent=1, ensure_ascii=False) if cli.as_json(options) else "\n".join(sentences))
    return code


def _known_status(settings: Settings) -> tuple[int, Json | None]:
    """Return the exit code and the status: of the running syncd, else the last known, else none, and complain."""
    answer = ask(settings.socket)
    if isinstance(answer, tuple):
        return cli.DONE, answer[1]
    if answer is Absent.SILENT:
        cli.complain(_silent(settings))
    data = read_status(settings.volume)
    document = read_document(data) if data is not None else None
    if document is None:
        if answer is Absent.DOWN:
            told = f"syncd does not run and left no status in {settings.volume}; set ROUTEIQ_VOLUME to its volume."
            cli.complain(told)
        return cli.FAILED, None
    return cli.NOT_RUNNING if answer is Absent.DOWN else cli.FAILED, last_known(document, utc_now())


def view(options: argparse.Namespace, settings: Settings, text: Callable[[Json], str]) -> int:
    """Print what the running syncd reads from the database, as ``text`` where people read; return the exit code."""
    if settings.election is None:
        cli.complain("There is no fleet: the mode is single. Set DATABASE_URL, and LLMROUTER_HA_MODE=leader_election.")
        return cli.FAILED
    answer = ask(settings.socket, f"/{options.command}")
    if answer is Absent.SILENT:
        cli.complain(_silent(settings))
        return cli.FAILED
    if answer is Absent.DOWN:
        cli.complain(f"syncd does not run on the volume {settings.volume}; start it, or set ROUTEIQ_VOLUME.")
        return cli.NOT_RUNNING
    code, document = answer
    if code != 200:  # noqa: PLR2004 - HTTP's own number
        cli.complain(str(document.get("error", f"syncd answers {code}")))
        return cli.FAILED
    cli.say(json.dumps(document, indent=1, ensure_ascii=False) if cli.as_json(options) else text(document))
    return cli.DONE


def _silent(settings: Settings) -> str:
    return f"syncd runs on the volume {settings.volume} and has not answered for {SECONDS:g} s; see its log and /livez."
