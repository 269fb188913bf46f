"""The command line: its arguments, its exit codes, what it prints."""

import argparse
import sys
from pathlib import Path

from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.runtime.parser import Parser
from routeiq_syncd.status.document import Json

DONE = 0
FAILED = 1
BAD_SETTINGS = 2
NOT_RUNNING = 3
PORT_TAKEN = 4
NO_VOLUME = 5

RUNNING = "0 stopped by a signal, 1 failed, 2 settings, 4 its port cannot be had, 5 its volume cannot be used"
ONCE = "0 done or nothing to do, 1 refused or failed, 2 settings"
STATUS = "0 running, 3 not running (the last known is printed), 1 nothing is known, 2 settings"
READING = "0 printed, 1 the database does not answer or the mode is single, 2 settings, 3 syncd does not run"
RECALL = "0 printed, 1 not to be had, and why, 2 settings, 3 syncd does not run"
CHANGING = "0 done or nothing to do, 1 nothing was changed, and why, 2 settings, 3 syncd does not run"
EXPLAIN = "0 told, 3 told by the last known status, 1 nothing is known, 2 settings"
VALIDATE = "0 no problem, 1 problems or unreadable, 2 settings"
PACK = "0 written, 1 the directory cannot be a bundle, 2 settings"
SETTINGS = """\
settings (environment):
  ROUTEIQ_VOLUME            the volume (default ./var)
  CONFIG_SOURCE             file (default), s3 or gcs
  LITELLM_CONFIG_PATH       the configuration, source file (default /app/config/config.yaml)
  ROUTEIQ_CONFIG_FILES      patterns of further files that belong to it, source file: deny.json,prompts/**
  S3_BUCKET_NAME            the bucket, source s3; also CONFIG_S3_BUCKET
  S3_CONFIG_KEY             the object (default config.yaml); also CONFIG_S3_KEY
  CONFIG_GCS_BUCKET, CONFIG_GCS_KEY             the bucket and the object (default config.yaml), source gcs
  S3_CONFIG_PREFIX          a prefix as one bundle, instead of the object: gateway/ (/ for the whole bucket)
  CONFIG_SETTLE_SECONDS     how long the prefix has to be still before it is taken (default 2)
  LLMROUTER_MODEL_S3_BUCKET, LLMROUTER_MODEL_S3_KEY  further files of the bundle, below models/
  ROUTEIQ_ALLOW_CODE        whether a prefix may bring modules of Python (default false)
  ROUTEIQ_ALLOW_PICKLE      whether a prefix may bring what runs code when it is loaded (default false)
  CONFIG_SYNC_INTERVAL      seconds between looks at the source (default 5)
  SYNCD_ADDR                host:port of /livez, /readyz, /status (default 0.0.0.0:4001)
  ROUTEIQ_MAX_CONFIG_BYTES  limit of each YAML file (default 4194304)
  ROUTEIQ_MAX_FILE_BYTES    limit of any other file (default 67108864)
  ROUTEIQ_MAX_BUNDLE_BYTES  limit of all files together (default 268435456)
  ROUTEIQ_MAX_FILES         limit of their number (default 1000)
  LLMROUTER_HA_MODE         single or leader_election (default: leader_election where DATABASE_URL is set)
  DATABASE_URL, DIRECT_URL  PostgreSQL, for leader_election; DIRECT_URL goes first
  LLMROUTER_CONFIG_SYNC_LEASE_SECONDS           how long a lease lasts (default 30)
  LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS  how often it is renewed (default 10)
  LLMROUTER_CONFIG_SYNC_LOCK_NAME               the fleet (default config_sync)
  ROUTEIQ_MAX_ROW_BYTES     a larger configuration from s3 is fetched by each replica itself (default 1048576)
  ROUTEIQ_CONFIG_KEY        keys that seal configurations in the database: 32 bytes in base64, newest first
  LOG_LEVEL                 debug, info (default), warning, error
  LOG_FORMAT                json or console (default: console on a terminal)
AWS_ENDPOINT_URL_S3 and the credentials are those of any AWS client."""


def parser() -> argparse.ArgumentParser:
    """Build the parser."""
    top = Parser(
        prog="routeiq-syncd",
        description="Fetches, checks and materialises LiteLLM configuration on a volume beside a RouteIQ gateway.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, has_json, purpose, codes in (
        ("run", False, "keep the volume up to date until stopped", RUNNING),
        ("once", True, "fetch, check and materialise once; print what was done", ONCE),
        ("status", False, "print the status as JSON: of the running syncd, else the last known", STATUS),
        ("fleet", True, "print every replica of the fleet, the lease and the desired revision", READING),
        ("history", True, "print the revisions, newest first, who asked for which, the pin and what waits", RECALL),
        ("show", True, "print one revision without its secrets", RECALL),
        ("diff", True, "print what differs between two revisions, without their secrets", RECALL),
        ("rollback", True, "make the content of an earlier revision the newest revision", CHANGING),
        ("pin", True, "keep the content of a revision, whatever the source says, until unpin", CHANGING),
        ("unpin", True, "publish what the source says again", CHANGING),
        ("explain", True, "say why this syncd is not the holder, and why a revision is not served", EXPLAIN),
        ("validate", False, "check a configuration and print every problem with its line", VALIDATE),
        ("pack", False, "write revision.json, by which an uploaded directory is taken at once and whole", PACK),
    ):
        description = f"{purpose[0].upper()}{purpose[1:]}."
        command = commands.add_parser(name, help=purpose, description=description, epilog=f"exit codes: {codes}")
        if has_json:
            command.add_argument("--json", action="store_true", help="print JSON, as when the output is not a terminal")
        _add_numbers(command, name)
        if name in {"rollback", "pin", "unpin"}:
            required = name == "rollback"
            command.add_argument("--note", default="", required=required, metavar="TEXT", help="why; history shows it")
            command.add_argument("--by", metavar="NAME", help="who asks (default: this user on this machine)")
        if name == "validate":
            of_path = "a configuration; its includes are read beside it"
            command.add_argument("paths", type=Path, nargs="+", metavar="PATH", help=of_path)
            form = command.add_mutually_exclusive_group()
            form.add_argument("--json", action="store_true", help="print JSON")
            form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code scanning")
        if name == "pack":
            of_directory = "the directory that is uploaded as the prefix, with its config.yaml"
            command.add_argument("path", type=Path, metavar="DIR", help=of_directory)
    return top


def _add_numbers(command: argparse.ArgumentParser, name: str) -> None:
    """Add the numbers of revisions that a command takes."""
    match name:
        case "show" | "rollback":
            command.add_argument("number", type=int, metavar="N", help="the revision; history lists them")
        case "pin":
            command.add_argument("number", type=int, nargs="?", metavar="N", help="the revision (default: the newest)")
        case "diff":
            command.add_argument("before", type=int, metavar="A", help="the earlier revision")
            command.add_argument("after", type=int, metavar="B", help="the later revision")


def say(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text + "\n")


def as_json(options: argparse.Namespace) -> bool:
    """Return whether a machine reads the output."""
    return bool(options.json) or not sys.stdout.isatty()


def complain(sentence: str) -> None:
    """Print why the command cannot do its work."""
    sys.stderr.write(f"routeiq-syncd: {sentence}\n")


def turn_document(turn: Turn, status: Json) -> Json:
    """Return what `once` prints for machines; ``status`` is the status document after the turn."""
    return {
        "outcome": turn.outcome,
        "revision": status["desired"],
        "source": status["source"],
        "problems": [problem.text() for problem in turn.problems],
        "error": turn.error,
        "warnings": status["warnings"],
    }


def turn_text(turn: Turn, status: Json) -> str:
    """Return what `once` prints for people; ``status`` is the status document after the turn."""
    desired = status["desired"]
    held = f"revision {desired['number']} ({desired['digest'][:12]})" if isinstance(desired, dict) else "no revision"
    lines = {
        "changed": [f"Materialised {held}."],
        "unchanged": [f"Nothing to do: the volume holds {held}."],
        "waiting": ["Not taken: a pin or a rollback holds back what the source holds; `explain` says which."],
        "refused": ["The configuration is refused:", *(f"  {problem.text()}" for problem in turn.problems)],
        "failed": [turn.error or ""],
    }[turn.outcome]
    if turn.outcome in {"refused", "failed", "waiting"}:
        lines.append(f"The volume holds {held}, as before.")
    warnings = status["warnings"]
    lines.extend(f"Warning: {warning}" for warning in (warnings if isinstance(warnings, list) else ()))
    return "\n".join(lines)
