"""Values of wrong kinds, tried by the gateway with a real LiteLLM: taken, or refused with the setting and its line."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.gateway import Gateway, config_with, gateway
from tests.support.waiting import wait_for
from tests.support.wrong_kinds import configurations

TRIALS = 36
NAMED = re.compile(r"config\.yaml:\d+: (router_settings|litellm_settings|general_settings|model_list)")


def _verdict(running: Gateway, config: dict[str, Any]) -> dict[str, Any]:
    text = yaml.safe_dump(config, sort_keys=False)
    digest = running.volume.put(f"# {running.volume.number}\n{text}", link="candidate")
    path = running.volume.root / f"answers/trial-{digest}.json"
    wait_for(f"a verdict on {config}", path.exists, seconds=60)
    verdict: dict[str, Any] = json.loads(path.read_text())
    return verdict


def test_each_is_taken_or_refused_by_name(tmp_path: Path) -> None:
    """No value ends a trial without a verdict, and each refusal begins with file, line and setting."""
    with gateway(tmp_path, ROUTEIQ_WORKERS="1") as running:
        running.volume.put(config_with("served"))
        running.wait_ready()
        unnamed = []

        @settings(max_examples=TRIALS, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(configurations(most=1))
        def judge(config: dict[str, Any]) -> None:
            verdict = _verdict(running, config)
            if verdict["verdict"] == "refuse" and not NAMED.match(verdict["reason"]):
                unnamed.append((config, verdict["reason"]))

        judge()
        assert not unnamed, "\n".join(map(str, unnamed))
        assert running.chat() == "served"
        assert "Traceback" not in "".join(line for line in running.process.text().splitlines() if '"process"' in line)
