"""Takes LiteLLM to another release, and reports what that changes: ``bump.py UV [VERSION]``, as ``make bump`` runs it.

Without a version it takes the newest release that resolves after the cool-down, together with its migrations. What it
compares with is the last commit. Nothing of the new wheels runs, and no file of the working tree changes, before what
the wheels brought was compared; where they bring what does harm, it ends there. Then the pins and the lock file are
written, and stay for a person to judge and to commit.

What a test judges is told. What no test judges has to be looked at, and so has a test that fails.
Exit status: 0 where nothing has to be looked at, 1 where something has, 2 where the release could not be taken.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from changes import (
    EXTRAS,
    LITELLM,
    NEVER,
    Part,
    changed_facts,
    changed_migrations,
    changed_packages,
    changed_wheels,
    locked,
    loosened,
    migrations,
    pinned,
    report,
    wheels,
)

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv-bump"
REPORT = ROOT / "var" / "bump.md"
PINNED = ("gateway/pyproject.toml", "migrate/pyproject.toml")
TESTS = (
    "tests/unit/gateway",
    "tests/unit/migrate",
    "tests/contract",
    "tests/integration/gateway/litellm_edge",
    "tests/fidelity",
)
RELEASE = re.compile(r"\d+(\.\w+)+")
SUMMARY = "short test summary info"


class NotTakenError(Exception):
    """A release could not be taken; the message says why."""


@dataclass(frozen=True)
class Bump:
    """The steps of a bump.

    Attributes:
        uv: the path of uv.
        scratch: an empty folder for what does not outlive the bump.
    """

    uv: str
    scratch: Path

    def run(self, version: str | None) -> int:
        """Take LiteLLM to ``version``, or to the newest that resolves; report, and return the exit status.

        Raises:
            NotTakenError: it is no release, one that is never taken, or one that does not resolve.
        """
        if version and not RELEASE.fullmatch(version):
            raise NotTakenError(f"VERSION={version} names no release. Name one as 1.108.7, or none for the newest.")
        if version in NEVER:
            raise NotTakenError(f"LiteLLM {version} is never taken: {NEVER[version]}. Name another release.")
        before, after = self.copy("before"), self.copy("after")
        self.resolve(after, version)
        old, new = (locked((tree / "uv.lock").read_text()) for tree in (before, after))
        if old[LITELLM] == new[LITELLM]:
            newest = "" if version else ", and no newer release resolves"
            say(f"LiteLLM {old[LITELLM]} is pinned already{newest}: nothing to do.")
            return 0
        say(f"LiteLLM {old[LITELLM]} → {new[LITELLM]}: the wheels are compared")
        kept = self.scratch / "environment"
        self.sync(before, kept)
        self.sync(after, ENVIRONMENT)
        harm, told = changed_wheels(wheels(kept, before), wheels(ENVIRONMENT, after))
        parts = [*harm, changed_packages(old, new), told, changed_migrations(migrations(kept), migrations(ENVIRONMENT))]
        if not any(part.look for part in harm):
            say("what LiteLLM offers is compared")
            parts += changed_facts(self.facts(kept), self.facts(ENVIRONMENT))
            self.take(after)
            parts.append(self.tests())
        else:
            parts.append(Part("Not taken", ("The pins are as they were, and nothing of the new wheels ran.",)))
        return publish(report(old[LITELLM], new[LITELLM], parts), look=any(part.look for part in parts))

    def copy(self, name: str) -> Path:
        """Return a copy of the last commit."""
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        folder = self.scratch / name
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return folder

    def resolve(self, tree: Path, version: str | None) -> None:
        """Write pins and lock file of ``tree``.

        Raises:
            NotTakenError: no release resolves, or ``version`` does not; the message is uv's.
        """
        paths = [tree / name for name in PINNED]
        for path in paths:
            path.write_text(loosened(path.read_text(), version))
        command = [self.uv, "lock", "--upgrade-package", LITELLM, "--upgrade-package", EXTRAS]
        done = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotTakenError(f"LiteLLM {version or 'newer than the pin'} does not resolve:\n{done.stderr}")
        versions = locked((tree / "uv.lock").read_text())
        for path in paths:
            path.write_text(pinned(path.read_text(), versions))
        subprocess.run([self.uv, "lock", "--quiet"], cwd=tree, check=True)

    def sync(self, tree: Path, environment: Path, *, compiled: bool = False) -> None:
        """Install what the lock file of ``tree`` names; anew, without running any of it, unless ``compiled``.

        uv links an environment's files to those of its cache, and LiteLLM rewrites files of its UI where it is served
        under a path. So what is to be as the wheels brought it comes from a cache of its own.
        """
        settings = {
            **os.environ,
            "UV_PROJECT_ENVIRONMENT": str(environment),
            "UV_COMPILE_BYTECODE": "1" if compiled else "0",
        }
        if not compiled:
            settings["UV_CACHE_DIR"] = str(self.scratch / "cache")
            subprocess.run([self.uv, "venv", "--quiet", "--clear", str(environment)], cwd=tree, check=True)
        subprocess.run([self.uv, "sync", "--quiet", "--frozen"], cwd=tree, env=settings, check=True)

    def facts(self, environment: Path) -> dict[str, list[str]]:
        """Ask the LiteLLM of ``environment`` what it offers."""
        command = [str(environment / "bin" / "python"), str(ROOT / ".ci" / "installed.py"), str(ROOT)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
        found: dict[str, list[str]] = json.loads(done.stdout.rpartition("FACTS ")[2])
        return found

    def take(self, tree: Path) -> None:
        """Write the pins and the lock file of ``tree`` into the working tree."""
        versions = locked((tree / "uv.lock").read_text())
        for path in (ROOT / name for name in PINNED):
            path.write_text(pinned(path.read_text(), versions))
        (ROOT / "uv.lock").write_bytes((tree / "uv.lock").read_bytes())
        self.sync(ROOT, ENVIRONMENT, compiled=True)

    def tests(self) -> Part:
        """Run the tests of all that touches LiteLLM, and tell how they ended."""
        subprocess.run([str(ROOT / ".ci" / "database.sh"), self.uv], check=True)
        command = [str(ENVIRONMENT / "bin" / "pytest"), *TESTS, "-n", "2", "--dist", "loadfile"]
        lines = []
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            for line in running.stdout or ():
                sys.stdout.write(line)
                lines.append(line.rstrip())
        first = next((number for number, line in enumerate(lines) if SUMMARY in line), len(lines) - 2)
        return Part("Tests", tuple(line for line in lines[first + 1 :] if line), look=running.returncode != 0)


def publish(text: str, *, look: bool) -> int:
    """Print the report, write it to a file and, in a workflow, to the page of the run; return the exit status."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text)
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a") as summary:
            summary.write(text)
    say(f"{text}\nThe report stands in {REPORT.relative_to(ROOT)}.")
    return 1 if look else 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the bump; return its exit status."""
    uv, *version = arguments
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return Bump(uv, Path(scratch).resolve()).run(version[0] if version else None)
    except NotTakenError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
