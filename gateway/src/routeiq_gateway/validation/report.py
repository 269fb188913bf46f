"""What a validation found, for people, as JSON and as SARIF 2.1.0 (OASIS, the format of code scanning). Pure."""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

TOOL = "routeiq-gateway"
PLACE = re.compile(r"(?P<file>[^\s:]+):(?P<line>\d+): ")
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One problem (``error``) or doubt (``warning``): its file, its line from 1 where it has one, a sentence."""

    level: Level
    file: str
    line: int | None
    message: str

    def text(self) -> str:
        """``error: config.yaml:12: message``."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{self.level}: {place}: {self.message}"


Tried = Mapping[str, tuple[Finding, ...]]
"""Configurations by the path that the caller gave, with what was found in each."""


def finding_of(level: Level, sentence: str, path: str) -> Finding:
    """Return the finding that a worker's ``sentence`` tells.

    Args:
        level: of the finding.
        sentence: begins with a file, as seen from the configuration, and a line, or tells about the whole.
        path: of the configuration, as the caller named it.
    """
    place = PLACE.match(sentence)
    if place is None:
        return Finding(level, path, None, sentence.removeprefix(f"{posixpath.basename(path)}: "))
    file = posixpath.join(posixpath.dirname(path), place["file"])
    return Finding(level, file, int(place["line"]), sentence[place.end() :])


def as_text(found: Tried) -> str:
    """Return a line for each finding, and the sum of each configuration below its own."""
    lines = list[str]()
    for path, findings in found.items():
        errors = sum(finding.level == "error" for finding in findings)
        lines += [finding.text() for finding in findings]
        verdict = "refused" if errors else "accepted"
        lines.append(f"{path}: {verdict}, {errors} errors, {len(findings) - errors} warnings")
    return "\n".join(lines)


def refused(found: Tried) -> bool:
    """Whether a configuration has an error."""
    return any(finding.level == "error" for findings in found.values() for finding in findings)


def as_json(found: Tried) -> str:
    """Return ``{"verdict", "findings": [{"level", "file", "line", "message"}]}``."""
    findings = [vars(finding) for findings in found.values() for finding in findings]
    document = {"verdict": "refused" if refused(found) else "accepted", "findings": findings}
    return json.dumps(document, indent=1, ensure_ascii=False)


def as_sarif(found: Tried, version: str) -> str:
    """Return the findings as one run of this tool at ``version``."""
    driver = {"name": TOOL, "version": version, "rules": [{"id": "error"}, {"id": "warning"}]}
    results = [_result(finding) for findings in found.values() for finding in findings]
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False)


def _result(finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": finding.file}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.level,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
    }
