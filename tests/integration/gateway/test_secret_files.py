"""Secret files that change while the gateway serves: a real gateway, and a provider that notes the keys it is sent."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import CHAT, MASTER_KEY, gateway
from tests.support.secret_mount import SecretMount
from tests.support.secret_serving import NEW, NEWEST, OLD, Served, ask, config_for, serving, stream
from tests.support.upstream import upstream
from tests.support.waiting import wait_for

OUTSIDE = "Pk7-out-5Jt1Kq8Wz3"
SPEAKING = """\
import os

from litellm.integrations.custom_logger import CustomLogger


class Speaker(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        print("the key is", os.environ["PROVIDER_KEY"])
        return data


speaker = Speaker()
"""
BROKEN: dict[str, tuple[dict[str, str | bytes], str]] = {
    "empty": ({"PROVIDER_KEY": ""}, "PROVIDER_KEY: empty"),
    "missing": ({"OTHER_KEY": NEW}, "the environment variable PROVIDER_KEY is not set"),
    "no UTF-8": ({"PROVIDER_KEY": b"\xff\xfe" + NEW.encode()}, "PROVIDER_KEY: not UTF-8"),
    "another file is broken": ({"PROVIDER_KEY": NEW, "OTHER_KEY": ""}, "OTHER_KEY: empty"),
    "a setting of the gateway": ({"PROVIDER_KEY": NEW, "NUM_WORKERS": "9"}, "NUM_WORKERS: it is a setting"),
    "an override": (
        {"PROVIDER_KEY": NEW, "LITELLM_GENERAL_SETTINGS__MASTER_KEY": "x"},
        "LITELLM_GENERAL_SETTINGS__MASTER_KEY: it overrides",
    ),
    "read at LiteLLM's import": (
        {"PROVIDER_KEY": NEW, "LITELLM_LICENSE": "x"},
        "LITELLM_LICENSE: LiteLLM reads it when it is imported",
    ),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway for those tests that leave it serving."""
    with serving(tmp_path_factory.mktemp("secret_files"), ROUTEIQ_WORKERS="1") as started:
        yield started


def test_a_rotated_key_is_used_and_nothing_is_lost(tmp_path: Path) -> None:
    """Under load, with streams that begin before and end after: no request fails, each stream is whole, the key new."""
    with serving(tmp_path) as here, ThreadPoolExecutor() as pool:
        stop, port = threading.Event(), here.gateway.port
        streams = [pool.submit(stream, port) for _ in range(4)]
        wait_for("the streams to begin", lambda: here.provider.keys == [OLD] * 4)
        load = [pool.submit(ask, port, stop, 2000) for _ in range(4)]
        wait_for("load", lambda: here.provider.requests > 40)
        here.taken(lambda: here.mount.put({"PROVIDER_KEY": NEW}))
        assert [here.key_in_use() for _ in range(20)] == [NEW] * 20
        before = here.provider.requests
        wait_for("load after the change", lambda: here.provider.requests > before + 40)
        stop.set()
        codes = [code for asking in load for code in asking.result()]
        whole = "".join(f"piece-{number} " for number in range(20)) + "[DONE]"
        assert [each.result() for each in streams] == [whole] * 4
        assert len(codes) > 80
        assert set(codes) == {200}
        changes = here.provider.keys.index(NEW)
        assert set(here.provider.keys[:changes]) == {OLD}
        assert here.gateway.process.text().count('"event": "secrets read"') == 2
        shown = here.secrets()
        assert shown == {"files": 1, "changed_at": shown["changed_at"], "refused": None}
        assert here.gateway.get("/health/ready").json()["revision"] == 1


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_secret_replaces_nothing(served: Served, case: str) -> None:
    """What cannot be used is refused with the file's name and no value; the old goes on, and the mended is taken."""
    served.begin()
    workers, (files, named) = served.gateway.workers(), BROKEN[case]
    reason = served.refused(lambda: served.mount.put(files))
    assert named in reason
    assert served.key_in_use() == OLD
    assert served.gateway.workers() == workers
    assert named in served.gateway.process.text()
    assert NEW not in served.gateway.process.text() + json.dumps(served.gateway.status())
    assert served.gateway.status()["refused"] is None
    assert served.gateway.get("/health/ready").status_code == 200
    served.taken(lambda: served.mount.put({"PROVIDER_KEY": NEWEST}))
    assert served.key_in_use() == NEWEST
    assert served.secrets()["refused"] is None


def test_a_file_that_is_written_in_place_is_taken_whole(served: Served) -> None:
    """A file that is empty for a moment, as it is written anew, is taken once it is still, and refused at no time."""
    served.begin()
    refusals = served.gateway.process.text().count("secrets refused")
    path = served.mount.path / "PROVIDER_KEY"

    def write() -> None:
        path.write_text("")
        path.write_text(NEW[:7])
        path.write_text(NEW)

    served.taken(write)
    assert served.key_in_use() == NEW
    assert served.gateway.process.text().count("secrets refused") == refusals


def test_a_replacement_has_the_secrets_that_are_served(served: Served) -> None:
    """A worker that dies while a change stands refused comes back with the secrets of its generation."""
    served.begin()
    served.refused(lambda: served.mount.put({"OTHER_KEY": NEW}))
    [worker] = served.gateway.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for("a replacement", lambda: served.gateway.workers() not in ([], [worker]))
    assert served.key_in_use() == OLD


def test_a_refused_revision_keeps_no_key_from_use(served: Served) -> None:
    """While `current` is refused, a rotated key comes into use under the revision that is served."""
    served.begin()
    number = served.gateway.volume.number
    served.gateway.wait_refused(served.gateway.volume.put("model_list: {\n"))
    served.taken(lambda: served.mount.put({"PROVIDER_KEY": NEW}))
    assert served.key_in_use() == NEW
    assert served.gateway.get("/health/ready").json()["revision"] == number
    assert served.gateway.status()["refused"]["number"] == number + 1
    served.gateway.wait_serving(served.gateway.volume.put(config_for(served.provider)))
    assert served.key_in_use() == NEW


def test_a_missing_variable_comes_with_its_file(served: Served) -> None:
    """A revision that was refused for want of a variable is taken as soon as a file gives it."""
    served.begin()
    extra = "  - model_name: more\n    litellm_params: {model: openai/more, api_key: os.environ/MORE_KEY}\n"
    digest = served.gateway.volume.put(config_for(served.provider, extra=extra))
    assert "MORE_KEY is not set" in served.gateway.wait_refused(digest)
    served.mount.put({"PROVIDER_KEY": OLD, "MORE_KEY": NEW})
    served.gateway.wait_serving(digest)
    assert served.gateway.status()["refused"] is None
    served.gateway.wait_serving(served.gateway.volume.put(config_for(served.provider)))


def test_no_output_shows_a_value_old_or_new(served: Served) -> None:
    """A callback that prints the key prints `***`, with the key of before, too, and with a short name of no secret."""
    served.begin()
    extra = "litellm_settings: {callbacks: speaking.speaker}\n"
    config = config_for(served.provider, extra=extra)
    served.gateway.wait_serving(served.gateway.volume.put(config, speaking__py=SPEAKING))
    assert served.key_in_use() == OLD
    served.taken(lambda: served.mount.put({"PROVIDER_KEY": NEW, "PLAIN": OLD}))
    assert served.key_in_use() == NEW
    wait_for("both lines", lambda: served.gateway.process.text().count("the key is ***") >= 2)
    assert OLD not in served.gateway.process.text()
    assert NEW not in served.gateway.process.text()
    served.gateway.wait_serving(served.gateway.volume.put(config_for(served.provider)))


def test_a_file_goes_before_the_environment_and_the_master_key_may_change(tmp_path: Path) -> None:
    """Of a name in both the file counts, which the log says; a new master key is asked for as soon as it is taken."""
    key = "sk-rotated-77Qw-31Zx"
    with serving(tmp_path, ROUTEIQ_WORKERS="1", PROVIDER_KEY=OUTSIDE) as here:
        assert here.key_in_use() == OLD
        assert '"instead_of_the_environment": ["PROVIDER_KEY"]' in here.gateway.process.text()
        here.taken(lambda: here.mount.put({"PROVIDER_KEY": OLD, "LITELLM_MASTER_KEY": key}))
        assert here.key_in_use(master_key=key) == OLD
        assert here.gateway.post("/v1/chat/completions", CHAT).status_code == 401
        assert here.gateway.post("/llmrouter/config/reload", key=key).status_code == 200
        here.taken(lambda: here.mount.put({}))  # the environment's own are there again
        assert here.key_in_use() == OUTSIDE


def test_a_start_on_broken_secrets_waits_for_them(tmp_path: Path) -> None:
    """Nothing is served without a secret that may guard it; readiness says which file, and a mended one is taken."""
    mount = SecretMount(tmp_path / "secrets")
    mount.put({"PROVIDER_KEY": OLD, "LITELLM_MASTER_KEY": ""})
    settings: dict[str, Any] = {"ROUTEIQ_WORKERS": "1", "LITELLM_MASTER_KEY": ""}
    directories = f"{mount.path}:{tmp_path / 'absent'}"
    with upstream() as provider, gateway(tmp_path, ROUTEIQ_SECRETS_DIR=directories, **settings) as running:
        running.volume.put(config_for(provider))

        def reason() -> str:
            try:
                answer = running.get("/health/ready")
            except httpx.TransportError:
                return ""
            return answer.text if answer.status_code == 503 else ""

        told = wait_for("a placeholder", reason, seconds=60)
        assert "LITELLM_MASTER_KEY: empty" in told
        assert "absent: No such file or directory" in told
        mount.put({"PROVIDER_KEY": OLD, "LITELLM_MASTER_KEY": MASTER_KEY})
        SecretMount(tmp_path / "absent").put({"OTHER_KEY": NEW})
        running.wait_ready()
        assert running.chat() == "upstream"
        assert provider.keys == [OLD]
