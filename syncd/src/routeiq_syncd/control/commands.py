"""The commands that ask a running syncd over its socket, and fall back on what it left on the volume."""

import argparse
import json
from collections.abc import Callable

from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control.client import SECONDS, Absent, ask, parse_object
from routeiq_syncd.control.tables import difference_text, history_text, revision_text
from routeiq_syncd.runtime.clocks import utc_now
from routeiq_syncd.runtime.user import user_name
from routeiq_syncd.settings import Settings
from routeiq_syncd.status.document import Json, last_known
from routeiq_syncd.status.explain import explain
from routeiq_syncd.volume.atomic import read_present
from routeiq_syncd.volume.volume import ANSWER_BYTES, STATUS


def status(settings: Settings) -> int:
    """Print the status; return the exit code."""
    code, known = _known_status(settings)
    if known is not None:
        cli.say(json.dumps(known, indent=1, ensure_ascii=False))
    return code


def explained(options: argparse.Namespace, settings: Settings) -> int:
    """Print the explanation; return the exit code."""
    code, known = _known_status(settings)
    if known is not None:
        explanation = explain(known)
        sentences = [str(sentence) for part in explanation.values() if isinstance(part, list) for sentence in part]
        as_json = cli.as_json(options)
        cli.say(json.dumps(explanation, indent=1, ensure_ascii=False) if as_json else "\n".join(sentences))
    return code


def _known_status(settings: Settings) -> tuple[int, Json | None]:
    """Return the exit code and the status document: of the running syncd, else the last known, else none."""
    answer = ask(settings.socket)
    if isinstance(answer, tuple):
        return cli.DONE, answer[1]
    known = parse_object(read_present(settings.volume / STATUS, ANSWER_BYTES) or b"")
    if answer is Absent.SILENT:
        cli.complain(_silent(settings))
    elif known is None:
        place = settings.volume
        cli.complain(f"syncd does not run and left no status in {place}; set ROUTEIQ_VOLUME to its volume.")
    code = cli.NOT_RUNNING if answer is Absent.DOWN and known is not None else cli.FAILED
    return code, None if known is None else last_known(known, utc_now())


def going_back(options: argparse.Namespace, settings: Settings) -> int:
    """Have the running syncd roll back, pin or unpin, and print its answer; return the exit code."""
    body: Json = {"note": options.note, "by": options.by or user_name()}
    if getattr(options, "number", None) is not None:
        body["number"] = options.number
    return _asked(options, settings, f"/{options.command}", lambda answer: str(answer.get("message")), body)


def recalled(options: argparse.Namespace, settings: Settings) -> int:
    """Print one revision, or what differs between two; return the exit code."""
    if options.command == "show":
        return _asked(options, settings, f"/revision?number={options.number}", revision_text)
    return _asked(options, settings, f"/diff?from={options.before}&to={options.after}", difference_text)


def listed(options: argparse.Namespace, settings: Settings) -> int:
    """Print the history; return the exit code."""
    return _asked(options, settings, "/history", history_text)


def from_database(options: argparse.Namespace, settings: Settings, text: Callable[[Json], str]) -> int:
    """Print what the running syncd reads from the database, through ``text`` for people; return the exit code."""
    if settings.election is None:
        cli.complain("There is no fleet: the mode is single. Set DATABASE_URL, and LLMROUTER_HA_MODE=leader_election.")
        return cli.FAILED
    return _asked(options, settings, f"/{options.command}", text)


def _asked(
    options: argparse.Namespace,
    settings: Settings,
    question: str,
    text: Callable[[Json], str],
    body: Json | None = None,
) -> int:
    """Print what the running syncd answers, through ``text`` for people; return the exit code."""
    answer = ask(settings.socket, question, body=body)
    if answer is Absent.SILENT:
        cli.complain(_silent(settings))
        return cli.FAILED
    if answer is Absent.DOWN:
        cli.complain(f"syncd does not run on the volume {settings.volume}; start it, or set ROUTEIQ_VOLUME.")
        return cli.NOT_RUNNING
    code, found = answer
    if code != 200:  # noqa: PLR2004 - HTTP's own number
        cli.complain(str(found.get("error", f"syncd answers {code}")))
        return cli.FAILED
    cli.say(json.dumps(found, indent=1, ensure_ascii=False) if cli.as_json(options) else text(found))
    return cli.DONE


def _silent(settings: Settings) -> str:
    return f"syncd runs on the volume {settings.volume} and has not answered for {SECONDS:g} s; see its log and /livez."
