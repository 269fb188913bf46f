"""Which modules a configuration names, and which of them import which."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.modules import SEARCHED_BYTES, imported_modules, named_modules
from routeiq_syncd.configuration.yaml_lines import YamlDocument, parse


def test_a_dotted_text_names_the_module_before_its_last_part() -> None:
    """Only texts that can name an object in a module count, wherever they stand."""
    text = b"litellm_settings: {callbacks: [hooks.audit.log, plain, a/b.c, 'x y.z']}\nguardrails: [{g: mine.Guard}]\n"
    document = parse("config.yaml", text)
    assert isinstance(document, YamlDocument)
    assert named_modules(document) == {"hooks.audit", "mine"}


@pytest.mark.parametrize(
    ("path", "source", "imported"),
    [
        ("cb.py", "import a.b, c as d", {"a.b", "c"}),
        ("cb.py", "from helper import x", {"helper", "helper.x"}),
        ("cb.py", "def f():\n  try:\n    import late\n  except ImportError: pass", {"late"}),
        ("cb.py", "from helper import *", {"helper"}),
        ("hooks/cb.py", "from .util import y", {"hooks.util", "hooks.util.y"}),
        ("hooks/cb.py", "from . import util", {"hooks", "hooks.util"}),
        ("a/b/cb.py", "from ..c import d", {"a.c", "a.c.d"}),
        ("a/b/__init__.py", "from .c import d", {"a.b.c", "a.b.c.d"}),
        ("cb.py", "from . import nowhere", set()),
        ("cb.py", "import json, os.path\nfrom typing import Any", set()),
        ("cb.py", '"""import told"""\n# import remarked', set()),
        ("cb.py", "import (", set()),
        ("cb.py", "import a\0", set()),
        ("cb.py", "x = '\\d'\nimport a", {"a"}),
    ],
)
def test_every_import_counts_wherever_it_stands(path: str, source: str, imported: set[str]) -> None:
    """Absolute and relative ones, in functions too; texts, remarks, what is no Python, and Python's own do not."""
    assert imported_modules(path, source.encode()) == imported


def test_nothing_is_executed_and_nothing_warned_of(recwarn: pytest.WarningsRecorder, tmp_path: Path) -> None:
    """A module that would leave a file behind leaves none."""
    left = tmp_path / "left"
    assert imported_modules("cb.py", f"import a\nopen({str(left)!r}, 'w')\nx = '\\d' is 1\n".encode()) == {"a"}
    assert not left.exists()
    assert not recwarn.list


def test_a_long_module_is_not_searched() -> None:
    """Parsing takes a hundred times the memory of the text, so the text is bounded."""
    source = b"import a\n"
    assert imported_modules("cb.py", source.ljust(SEARCHED_BYTES)) == {"a"}
    assert imported_modules("cb.py", source.ljust(SEARCHED_BYTES + 1)) == frozenset()


@given(st.binary(max_size=200) | st.text(alphabet="()[]{}:\\\n\t\"'fromimport.,*asx1", max_size=200).map(str.encode))
def test_any_bytes_are_judged(source: bytes) -> None:
    """Whatever a file holds, its imports are names or there are none."""
    for name in imported_modules("hooks/cb.py", source):
        assert all(part.isidentifier() for part in name.split("."))


def test_a_deep_text_is_judged() -> None:
    """A nesting that Python's parser gives up on ends nothing."""
    for text in ("(" * 10_000, "-" * 200_000 + "1", "a" + ".a" * 50_000, "x=" + "[" * 150 + "]" * 150):
        assert imported_modules("cb.py", text.encode()) == frozenset()
    assert sys.getrecursionlimit() > 0
