"""What changes from one release of LiteLLM to another: the pins, what its wheels bring, and the report of all of it.

Everything here is read from files and values: nothing of a wheel runs.
"""

import base64
import hashlib
import importlib.metadata
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from routeiq_migrate.plan.destructive import dangers

NEVER = {
    "1.82.7": "code in its wheel stole credentials",
    "1.82.8": "a .pth file in its wheel stole credentials at every start of Python",
    "1.107.0": "it was compromised",
}
"""Releases of LiteLLM that are never taken, each with the reason."""
LITELLM, EXTRAS = "litellm", "litellm-proxy-extras"
PIN = re.compile(rf'"({EXTRAS}|{LITELLM})(\[\w+\])?([<>=!~][^"]*)?"')
"""What a member wants of either package: the name, an extra, and the releases that do."""
SELVES = {"sitecustomize.py", "usercustomize.py"}
"""Modules that Python imports by itself at every start."""


@dataclass(frozen=True)
class Part:
    """One part of the report: what changed, and whether a person has to look at it."""

    title: str
    lines: tuple[str, ...] = ()
    look: bool = False


@dataclass(frozen=True)
class Wheels:
    """What is compared of the files that the wheels of an environment brought.

    Attributes:
        starting: what Python runs at every start, by name, each with a digest.
        unlisted: files that no wheel lists in its RECORD.
        altered: files that are not what their wheel's RECORD says.
        shared: files that two wheels list.
        names: packages, modules and commands.
    """

    starting: Mapping[str, str]
    unlisted: AbstractSet[str]
    altered: AbstractSet[str]
    shared: AbstractSet[str]
    names: AbstractSet[str]


def loosened(text: str, version: str | None) -> str:
    """Return a member's project file that wants ``version`` of LiteLLM, or any newer one, and the extras that fit."""

    def wanted(pin: re.Match[str]) -> str:
        if pin[1] == EXTRAS:
            return f'"{EXTRAS}"'
        oldest = f"=={version}" if version else f">={(pin[3] or '').removeprefix('==')}"
        return f'"{LITELLM}{pin[2] or ""}{",".join([oldest, *(f"!={release}" for release in NEVER)])}"'

    return PIN.sub(wanted, text)


def pinned(text: str, versions: Mapping[str, str]) -> str:
    """Return a member's project file with each pin at the version that ``versions`` holds."""
    return PIN.sub(lambda pin: f'"{pin[1]}{pin[2] or ""}=={versions[pin[1]]}"', text)


def locked(text: str) -> dict[str, str]:
    """Return the version of each package of a lock file; where it holds several, all of them."""
    found: dict[str, list[str]] = {}
    for package in tomllib.loads(text)["package"]:
        found.setdefault(package["name"], []).append(package.get("version", ""))
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def changed_packages(before: Mapping[str, str], after: Mapping[str, str]) -> Part:
    """Tell which packages the lock file has at another version."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return Part("Packages", tuple(f"{name}: {before.get(name, 'new')} → {after.get(name, 'gone')}" for name in names))


def wheels(environment: Path, tree: Path) -> Wheels:
    """Read what the wheels of a fresh environment brought, running none of it; ``tree`` is the workspace it is of."""
    site = next(environment.glob("lib/python3*/site-packages"))
    owners: dict[str, int] = {}
    altered = set()
    for distribution in importlib.metadata.distributions(path=[str(site)]):
        for file in distribution.files or ():
            name = os.path.relpath(site / file, environment)
            owners[name] = owners.get(name, 0) + 1
            if file.hash is not None and (environment / name).is_file():
                actual = hashlib.new(file.hash.mode, (environment / name).read_bytes()).digest()
                if base64.urlsafe_b64encode(actual).rstrip(b"=").decode() != file.hash.value:
                    altered.add(name)
    present = {str(path.relative_to(environment)) for path in site.rglob("*") if not path.is_dir()}
    starting = {
        path.name: hashlib.sha256(path.read_bytes().replace(str(tree).encode(), b"")).hexdigest()
        for path in site.iterdir()
        if path.suffix == ".pth" or path.name in SELVES
    }
    names = {path.name for path in site.iterdir() if not path.name.endswith((".dist-info", ".pth"))}
    commands = {f"bin/{path.name}" for path in (environment / "bin").iterdir()}
    shared = {name for name, count in owners.items() if count > 1}
    return Wheels(starting, present - owners.keys(), altered, shared, names | commands)


def changed_wheels(before: Wheels, after: Wheels) -> tuple[list[Part], Part]:
    """Tell what the new wheels brought: what a wheel that does harm is known by, and new names."""
    starting = sorted(name for name, digest in after.starting.items() if before.starting.get(name) != digest)
    harm = {
        "Files that Python runs at every start, new or changed": starting,
        "Files that no wheel lists in its RECORD": sorted(after.unlisted - before.unlisted),
        "Files that differ from their wheel's RECORD": sorted(after.altered - before.altered),
        "Files that two wheels list": sorted(after.shared - before.shared),
    }
    parts = [Part(title, tuple(f"`{name}`" for name in names), look=bool(names)) for title, names in harm.items()]
    return parts, changed_list("Packages' names and commands", before.names, after.names)


def changed_list(title: str, before: Iterable[str], after: Iterable[str]) -> Part:
    """Tell what is new in a list, and what is gone from it: a user may miss that, and no test asks for it."""
    new, gone = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    return Part(title, (*(f"new: {entry}" for entry in new), *(f"gone: {entry}" for entry in gone)), look=bool(gone))


def changed_facts(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> Iterator[Part]:
    """Tell what LiteLLM offers that it did not, and the other way round; a saving that is left out fails a test."""
    for title, entries in after.items():
        part = changed_list(title[0].upper() + title[1:], before[title], entries)
        yield Part(part.title, part.lines, look=part.look and title != "savings left out")


def migrations(environment: Path) -> dict[str, str]:
    """Return the text of each of LiteLLM's migrations that an environment holds."""
    folder = next(environment.glob("lib/python3*/site-packages/litellm_proxy_extras/migrations"))
    return {script.parent.name: script.read_text() for script in folder.glob("*/migration.sql")}


def changed_migrations(before: Mapping[str, str], after: Mapping[str, str]) -> Part:
    """Tell which migrations are new, and what each could destroy. A changed one has another checksum in ledgers."""
    lines = [f"new: `{name}`" for name in sorted(after.keys() - before.keys())]
    lost = [f"`{name}`: {danger}" for name in sorted(after.keys() - before.keys()) for danger in dangers(after[name])]
    lost += [f"gone: `{name}`" for name in sorted(before.keys() - after.keys())]
    lost += [f"changed: `{name}`" for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]
    return Part("Migrations", (*lines, *lost), look=bool(lost))


def report(old: str, new: str, parts: Sequence[Part]) -> str:
    """Return the report as Markdown: first what has to be looked at, then each part."""
    looks = [f"- **{part.title}**" for part in parts if part.look]
    head = ["Nothing has to be looked at."] if not looks else ["Has to be looked at:", "", *looks]
    body: list[str] = []
    for part in parts:
        body += ["", f"## {part.title}{' (look)' if part.look else ''}", ""]
        body += [f"- {line}" for line in part.lines] or ["Nothing."]
    return "\n".join([f"# LiteLLM {old} → {new}", "", *head, *body, ""])
