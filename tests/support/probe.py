"""What a script of `tests.support` sees that takes a configuration through the edge to LiteLLM."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import REPOSITORY, clean_environment, running
from tests.support.upstream import upstream


def probe(folder: Path, script: str, config: str) -> dict[str, Any]:
    """Run ``script`` on ``config``, in which ``{base}`` stands for an upstream's URL; return the document it prints."""
    path = folder / "config.yaml"
    with upstream(chunks=2, pause=0.01) as provider:
        path.write_text(config.format(base=provider.base))
        command = [sys.executable, "-P", str(REPOSITORY / "tests/support" / script), str(path)]
        with running(command, output=folder / "probe.log", environment=clean_environment()) as script_run:
            assert script_run.wait_for_exit(seconds=100) == 0, script_run.text()
            line = next(line for line in script_run.text().splitlines() if line.startswith("RESULT "))
    document: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return document
