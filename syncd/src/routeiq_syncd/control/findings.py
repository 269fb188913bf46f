"""What `validate` finds: for people, as JSON, and as SARIF 2.1.0 (OASIS, the format of code scanning)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG
from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.rules import Findings
from routeiq_syncd.status.document import Json

TOOL = "routeiq-syncd"
Checked = Sequence[tuple[Path, Findings]]
"""Configurations by the path that the caller gave, with what was found in each."""
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(found: Checked) -> str:
    """Return a line for each problem, and the sum of each configuration below its own."""
    lines = list[str]()
    for path, findings in found:
        lines += [f"{level}: {problem.text()}" for level, problem in _levels([(path, findings)])]
        errors, warnings = len(findings.errors), len(findings.warnings)
        lines.append(f"{path}: {'refused' if errors else 'accepted'}, {errors} errors, {warnings} warnings")
    return "\n".join(lines)


def as_json(found: Checked) -> str:
    """Return ``{"verdict", "findings": [{"level", "file", "line", "message"}]}``."""
    findings = [
        {"level": level, "file": problem.file, "line": problem.line, "message": legible(problem.message)}
        for level, problem in _levels(found)
    ]
    verdict = "refused" if any(findings.errors for _, findings in found) else "accepted"
    return json.dumps({"verdict": verdict, "findings": findings}, indent=1, ensure_ascii=False)


def as_sarif(found: Checked, version: str) -> str:
    """Return the findings as one run of this tool at ``version``."""
    driver = {"name": TOOL, "version": version, "rules": [{"id": "error"}, {"id": "warning"}]}
    results = [_result(level, problem) for level, problem in _levels(found)]
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False)


def _result(level: str, problem: Problem) -> Json:
    place: Json = {"artifactLocation": {"uri": problem.file}}
    if problem.line is not None:
        place["region"] = {"startLine": problem.line}
    return {
        "ruleId": level,
        "level": level,
        "message": {"text": legible(problem.message)},
        "locations": [{"physicalLocation": place}],
    }


def _levels(found: Checked) -> Iterator[tuple[str, Problem]]:
    """Yield level and problem; files are named as seen from where the caller named the configuration."""
    for path, findings in found:
        for level, problems in (("error", findings.errors), ("warning", findings.warnings)):
            for problem in problems:
                beside = path.parent / problem.file
                yield level, replace(problem, file=str(path if problem.file == CONFIG else beside))
