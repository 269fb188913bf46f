"""``make bump``: what it wants of the index, what it finds in new wheels, and what it asks a person to look at."""

import base64
import hashlib
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import REPOSITORY

CHANGES = runpy.run_path(str(REPOSITORY / ".ci" / "changes.py"))
PROJECT = '"litellm[proxy]==1.106.2",\n"litellm-proxy-extras==0.4.108",  # data\n"litellmish==1.0",\n'
SITE = "lib/python3.11/site-packages"


def bump(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a uv that cannot be run."""
    command = [sys.executable, str(REPOSITORY / ".ci" / "bump.py"), "/nonexistent/uv", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("release", CHANGES["NEVER"])
def test_a_compromised_release_is_never_taken(release: str) -> None:
    """A release of the list is refused by name and with its reason before anything is asked of an index."""
    done = bump(release)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"LiteLLM {release} is never taken: {CHANGES['NEVER'][release]}" in done.stderr
    for version in (None, release.removesuffix(".0")):
        assert f"!={release}" in CHANGES["loosened"](PROJECT, version)


@pytest.mark.parametrize("text", ["newest", "1", "1.2; true", ">=1.2"])
def test_what_names_no_release_is_told(text: str) -> None:
    """A text that is no release is answered with what is expected, not with an error of the index."""
    done = bump(text)
    assert (done.returncode, done.stderr) == (
        2,
        f"VERSION={text} names no release. Name one as 1.108.7, or none for the newest.\n",
    )


def test_the_pins_are_loosened_and_pinned_again() -> None:
    """The newest is looked for from the pin on, or one release; the pins then name both packages, and nothing else."""
    loosened, pinned = CHANGES["loosened"], CHANGES["pinned"]
    assert '"litellm[proxy]>=1.106.2,!=' in loosened(PROJECT, None)
    assert '"litellm[proxy]==1.108.7,!=' in loosened(PROJECT, "1.108.7")
    for version in (None, "1.108.7"):
        assert '"litellm-proxy-extras",  # data\n"litellmish==1.0"' in loosened(PROJECT, version)
    taken = pinned(loosened(PROJECT, None), {"litellm": "1.108.7", "litellm-proxy-extras": "0.4.110"})
    assert taken == PROJECT.replace("1.106.2", "1.108.7").replace("0.4.108", "0.4.110")


def test_every_pin_of_the_workspace_is_moved() -> None:
    """Each project file that names either package pins it as the script reads it, at the lock file's release."""
    pins: dict[str, str] = {}
    for member in ("gateway", "migrate", "syncd"):
        text = (REPOSITORY / member / "pyproject.toml").read_text()
        found = {pin[1]: pin[3].removeprefix("==") for pin in CHANGES["PIN"].finditer(text)}
        assert len(found) == text.count('"litellm'), member
        assert all(pins.setdefault(name, version) == version for name, version in found.items()), member
    locked = CHANGES["locked"]((REPOSITORY / "uv.lock").read_text())
    assert pins == {name: locked[name] for name in ("litellm", "litellm-proxy-extras")}


def environment(folder: Path, wheels: dict[str, dict[str, str]], beside: dict[str, str]) -> Any:
    """Lay out an environment of ``wheels``, each with its files, and of files ``beside``; return what is found."""
    (folder / "bin").mkdir(parents=True)
    for name, files in wheels.items():
        record = []
        for path, text in files.items():
            place = folder / SITE / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(text)}")
        information = folder / SITE / f"{name}-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (information / "RECORD").write_text(
            "\n".join([*record, f"{name}-1.dist-info/METADATA,,", f"{name}-1.dist-info/RECORD,,"])
        )
    for path, text in beside.items():
        (folder / path).write_text(text)
    return CHANGES["wheels"](folder, folder)


CLEAN = {"one": {"one/__init__.py": "1", "old.pth": "import one"}, "two": {"two/__init__.py": "2"}}


@pytest.mark.parametrize(
    ("wheels", "beside", "title", "line"),
    [
        ({"one": {**CLEAN["one"], "one.pth": "import os"}}, {}, "at every start", "`one.pth`"),
        ({"one": {**CLEAN["one"], "old.pth": "import os"}}, {}, "at every start", "`old.pth`"),
        ({"two": {**CLEAN["two"], "sitecustomize.py": ""}}, {}, "at every start", "`sitecustomize.py`"),
        ({"two": {**CLEAN["two"], "usercustomize.py": ""}}, {}, "at every start", "`usercustomize.py`"),
        ({}, {f"{SITE}/one/hidden.py": "3"}, "no wheel lists", f"`{SITE}/one/hidden.py`"),
        ({}, {f"{SITE}/one.pth": "3"}, "at every start", "`one.pth`"),
        ({}, {f"{SITE}/one/__init__.py": "3"}, "differ from", f"`{SITE}/one/__init__.py`"),
        ({"two": {**CLEAN["two"], "one/__init__.py": "1"}}, {}, "two wheels", f"`{SITE}/one/__init__.py`"),
    ],
)
def test_what_a_harmful_wheel_is_known_by_stops_a_bump(
    tmp_path: Path, wheels: dict[str, dict[str, str]], beside: dict[str, str], title: str, line: str
) -> None:
    """What runs at every start, and a file that a RECORD does not vouch for, has to be looked at."""
    before = environment(tmp_path / "before", CLEAN, {})
    harm, _ = CHANGES["changed_wheels"](before, environment(tmp_path / "after", {**CLEAN, **wheels}, beside))
    assert [part.lines for part in harm if part.look and title in part.title] == [(line,)]


def test_wheels_that_only_have_other_code_pass(tmp_path: Path) -> None:
    """A new package and a command are told; other code is what a release is for."""
    before = environment(tmp_path / "before", CLEAN, {})
    wheels = {**CLEAN, "two": {"two/__init__.py": "3"}, "three": {"three.py": ""}}
    harm, told = CHANGES["changed_wheels"](before, environment(tmp_path / "after", wheels, {"bin/three": ""}))
    assert not any(part.look or part.lines for part in harm)
    assert (told.look, told.lines) == (False, ("new: bin/three", "new: three.py"))


def test_a_migration_that_may_lose_data_has_to_be_looked_at() -> None:
    """New migrations are told; one that could destroy, one that is gone, and one with another text are looked at."""
    part = CHANGES["changed_migrations"]
    before = {"1": "SELECT 1;"}
    harmless = part(before, {**before, "2": 'CREATE TABLE "T" (id int);'})
    assert (harmless.look, harmless.lines) == (False, ("new: `2`",))
    destructive = part(before, {**before, "2": 'SELECT 1;\nDROP TABLE "T";'})
    assert (destructive.look, destructive.lines) == (True, ("new: `2`", '`2`: line 2: DROP TABLE "T"'))
    assert part(before, {}).lines == ("gone: `1`",)
    assert part(before, {"1": "SELECT 2;"}).lines == ("changed: `1`",)
    assert part(before, {}).look
    assert part(before, {"1": "SELECT 2;"}).look


def test_what_litellm_no_longer_offers_has_to_be_looked_at() -> None:
    """New options, features and routes are tests' business; one that is gone is missed by no test."""
    before = {"savings left out": ["a"], "routes": ["GET /a"], "options": ["--a"]}
    after = {"savings left out": ["b"], "routes": ["GET /b"], "options": ["--a", "--b"]}
    savings, routes, options = CHANGES["changed_facts"](before, after)
    assert (savings.title, savings.look, routes.look, options.look) == ("Savings left out", False, True, False)
    assert routes.lines == ("new: GET /b", "gone: GET /a")


def test_the_report_begins_with_what_has_to_be_looked_at() -> None:
    """Whoever reads the first lines knows whether there is something to do, and where."""
    part, report = CHANGES["Part"], CHANGES["report"]
    quiet = report("1", "2", [part("Routes", ("new: GET /a",))])
    assert quiet.startswith("# LiteLLM 1 → 2\n\nNothing has to be looked at.\n\n## Routes\n\n- new: GET /a\n")
    loud = report("1", "2", [part("Routes"), part("Tests", ("1 failed",), look=True)])
    assert loud.startswith("# LiteLLM 1 → 2\n\nHas to be looked at:\n\n- **Tests**\n\n## Routes\n\nNothing.\n")
    assert "## Tests (look)\n\n- 1 failed\n" in loud
