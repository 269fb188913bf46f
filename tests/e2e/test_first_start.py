"""What the image starts, run without an engine: its script beside the files that the image holds there."""

import contextlib
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.gateway import MASTER_KEY
from tests.support.processes import REPOSITORY, SCRIPTS, Running, clean_environment, free_port, running
from tests.support.silent_disk import silent_disk
from tests.support.stack import end
from tests.support.waiting import wait_for

HELD = ("supervisord.conf", "docker/start.sh", "docker/first_start.sh", "docker/config.default.yaml")
LINE = re.compile(r"^ {2}curl .*$", re.MULTILINE)


def image(folder: Path) -> list[str]:
    """Lay out in ``folder`` what the image holds; return its command."""
    for path in HELD:
        shutil.copy(REPOSITORY / path, folder)
    own = folder / "config.yaml"
    shutil.copy(REPOSITORY / "docker/config.default.yaml", own)
    (folder / "volume").mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    return [str(folder / "start.sh"), str(own)]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return what the image's environment is, with free ports, and no key."""
    port, syncd_port = free_port(), free_port()
    own = {
        "ROUTEIQ_VOLUME": str(folder / "volume"),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "TMPDIR": str(folder / "tmp"),
        "SYNCD_ADDR": f"127.0.0.1:{syncd_port}",
        "ROUTEIQ_WORKERS": "1",
        "ROUTEIQ_LITELLM_DATABASE": "false",
    }
    return clean_environment(**own | settings)


@contextlib.contextmanager
def container(folder: Path, name: str, **settings: str) -> Iterator[tuple[Running, str]]:
    """Run the image's command as a container would; give the process and its base URL, once it is ready."""
    command, variables = image(folder), environment(folder, **settings)
    with running(command, output=folder / name, environment=variables, cwd=folder) as started:
        try:
            base = f"http://127.0.0.1:{variables['PORT']}"
            wait_for("readiness", lambda: ready(base), seconds=90)
            yield started, base
        finally:
            end(started)


def ready(base: str) -> bool:
    """Return whether the gateway is ready."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{base}/health/ready").status_code == 200
    return False


def models(answer: str) -> set[str]:
    """Return the names of the models in an answer of ``/v1/models``."""
    return set(re.findall(r'"id": ?"([^"]+)"', answer))


def test_a_container_that_was_given_nothing_but_a_providers_key_serves(tmp_path: Path) -> None:
    """A key is made, shown once with a line that works as pasted, and kept; the provider's models are offered."""
    with container(tmp_path, "first.log", OPENAI_API_KEY="sk-provider-of-the-test") as (first, base):
        told = first.text()
        [line] = LINE.findall(told)
        pasted = subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, cwd="/").stdout
        assert "demo" in models(pasted)
        assert any(name.startswith(("gpt-", "openai/gpt-")) for name in models(pasted))
        kept = tmp_path / "volume/master-key"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        key = kept.read_text().strip()
        assert key in line
        assert told.count(key) == 1
        assert httpx.get(f"{base}/v1/models", headers={"Authorization": "Bearer sk-another"}).status_code == 401
    with container(tmp_path, "second.log") as (second, base):
        answer = httpx.get(f"{base}/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert models(answer.text) == {"demo"}
        assert key not in second.text()
        assert str(kept) in second.text()


def test_a_key_that_is_set_is_the_key(tmp_path: Path) -> None:
    """Nothing is made, kept or shown where an operator sets the key."""
    with container(tmp_path, "log", LITELLM_MASTER_KEY=MASTER_KEY) as (started, base):
        assert httpx.get(f"{base}/v1/models", headers={"Authorization": f"Bearer {MASTER_KEY}"}).is_success
        assert not (tmp_path / "volume/master-key").exists()
        assert "random key" not in started.text()


@pytest.mark.parametrize(
    ("settings", "offered"),
    [
        ({}, []),
        ({"ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k"}, ["anthropic/*", "gemini/*"]),
        ({"AZURE_API_KEY": "k"}, []),
        ({"AZURE_API_KEY": "k", "AZURE_API_BASE": "https://a.example"}, ["azure/*"]),
        ({"OPENAI_API_KEY": ""}, []),
    ],
)
def test_the_default_configuration_offers_the_providers_whose_key_is_set(
    tmp_path: Path, settings: dict[str, str], offered: list[str]
) -> None:
    """The key stays in the environment: the configuration names it, and does not hold it."""
    image(tmp_path)
    script = ". ./first_start.sh; default_configuration config.default.yaml"
    written = subprocess.run(
        ["sh", "-euc", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(**settings),
    )
    models = yaml.safe_load(written.stdout)["model_list"]
    assert [model["model_name"] for model in models] == ["demo", *offered]
    for model in models[1:]:
        assert model["litellm_params"]["api_key"].startswith("os.environ/")
        assert model["litellm_params"]["model"] == model["model_name"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"LLMROUTER_HA_MODE": "leader_election"}, "all of them need the same key"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "all of them need the same key"),
        ({"ROUTEIQ_VOLUME": "/proc/routeiq"}, "the volume ROUTEIQ_VOLUME=/proc/routeiq cannot be written by uid"),
    ],
)
def test_what_cannot_be_made_is_said(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    """No replica gets a key that the others do not have; a volume that cannot be written ends the container with 70."""
    command = image(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/supervisord").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "bin/supervisord").chmod(0o755)
    variables = environment(tmp_path, **settings)
    variables["PATH"] = f"{tmp_path}/bin:{SCRIPTS}:{variables['PATH']}"
    tried = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, timeout=30)
    assert told in tried.stderr
    assert tried.returncode == (70 if "ROUTEIQ_VOLUME" in settings else 0)
    assert not (tmp_path / "volume/master-key").exists()


def test_a_key_in_a_secret_file_is_the_key(tmp_path: Path) -> None:
    """Nothing is made, kept or shown where a secret file gives the key."""
    for name in ("empty", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "secrets/LITELLM_MASTER_KEY").write_text(MASTER_KEY)
    places = f"{tmp_path}/empty:{tmp_path}/secrets"
    with container(tmp_path, "log", ROUTEIQ_SECRETS_DIR=places) as (started, base):
        assert httpx.get(f"{base}/v1/models", headers={"Authorization": f"Bearer {MASTER_KEY}"}).is_success
        assert not (tmp_path / "volume/master-key").exists()
        assert "random key" not in started.text()


@pytest.mark.timeout(120)
def test_a_volume_that_hangs_from_the_start_is_told(tmp_path: Path) -> None:
    """Within 90 s, before anything else is started: a line that names the setting, and status 70."""
    command, variables = image(tmp_path), environment(tmp_path)
    with silent_disk(tmp_path / "volume"):
        tried = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, timeout=90)
    assert tried.returncode == 70
    assert f"the volume ROUTEIQ_VOLUME={variables['ROUTEIQ_VOLUME']} has not answered" in tried.stderr
