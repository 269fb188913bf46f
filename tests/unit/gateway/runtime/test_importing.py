"""Showing that an import goes on."""

import importlib
import sys
from pathlib import Path

import pytest

from routeiq_gateway.runtime.importing import telling


def test_each_module_that_is_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of three modules is told three times, is imported as always, and nothing is told afterwards."""
    for name, text in {"one": "import two, three", "two": "", "three": "value = 3", "four": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    told: list[None] = []
    with telling(lambda: told.append(None)):
        assert importlib.import_module("one").three.value == 3
    assert len(told) == 3
    importlib.import_module("four")
    assert len(told) == 3
    for name in ("one", "two", "three", "four"):
        del sys.modules[name]
