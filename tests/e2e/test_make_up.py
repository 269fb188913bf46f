import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.processes import REPOSITORY, clean_environment, free_port, listening, running
from tests.support.waiting import wait_for


@pytest.mark.timeout(400)
def test_make_up_from_a_clean_clone(tmp_path: Path) -> None:
    """`make up` in a clean clone: ready, the printed curl works as pasted, a change is taken, Ctrl-C stops all.

    A second one runs beside it on a port, a volume and a configuration of its own; one on the same volume is refused.
    """
    clone = tmp_path / "clone"
    copy_tree(clone)
    (clone / ".env").write_text("OTHER=1")  # no key in it, and no end of line
    port = free_port()
    uv = shutil.which("uv") or str(REPOSITORY / ".uv/bin/uv")
    environment = clean_environment(PORT=str(port), CONFIG_SYNC_INTERVAL="1", **way_to_the_index())
    environment["PATH"] = f"{Path(uv).parent}:{environment['PATH'].split(':', 1)[1]}"
    with running(["make", "up"], output=tmp_path / "up.log", environment=environment, cwd=clone) as up:
        base = f"http://127.0.0.1:{port}"
        wait_for("readiness", lambda: ready(base), seconds=240)
        curl = "\n".join(re.findall(r"^  (?:curl|  -).*$", up.text(), re.MULTILINE))
        pasted = subprocess.run(["sh", "-c", curl], check=True, capture_output=True, text=True, cwd="/")
        assert "Hello from RouteIQ Gateway." in pasted.stdout
        status = httpx.get(f"{base}/llmrouter/config/sync/status").json()
        assert status["enabled"] is True
        assert status["running"] is True
        assert status["leader_election"]["holder_id"]
        key_file = clone / ".env"
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        other, key = key_file.read_text().splitlines()
        assert other == "OTHER=1"
        assert key.startswith("LITELLM_MASTER_KEY=sk-")
        assert key.split("=")[1] not in up.text()

        config = clone / "config.yaml"
        config.write_text(config.read_text().replace("Hello from RouteIQ Gateway.", "Changed while running."))
        wait_for("the change", lambda: "Changed while running." in ask(curl), seconds=30)

        beside(clone, environment, tmp_path / "beside.log")

        up.process.send_signal(signal.SIGINT)  # make passes nothing on: a terminal signals the whole group
        for child in group_of(up.pid):
            child.send_signal(signal.SIGINT)
        up.wait_for_exit(seconds=60)
        wait_for("the port to be free", lambda: not listening(port))
        assert "stopped: gateway (exit status 0)" in up.text()
        assert "stopped: syncd (exit status 0)" in up.text()
        assert up.text().index("stopped: gateway") < up.text().index("stopped: syncd")


def way_to_the_index() -> dict[str, str]:
    """What this machine needs to reach its package index: certificates, a proxy, a mirror."""
    needed = re.compile(r"(?:SSL_CERT_\w+|UV_\w*(?:INDEX|LINKS|TLS|CERT)\w*|PIP_\w+|\w+_proxy)", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if needed.fullmatch(name)}


def beside(clone: Path, environment: dict[str, str], log: Path) -> None:
    """Run a second `make up` in the same clone, and try one on a volume that is in use."""
    port = str(free_port())
    refused = subprocess.run(
        ["make", "up"], check=False, capture_output=True, text=True, cwd=clone, env=environment | {"PORT": port}
    )
    assert refused.returncode != 0
    assert "in use by another 'make up'" in refused.stderr
    own = {"PORT": port, "ROUTEIQ_VOLUME": "./var2", "LITELLM_CONFIG_PATH": "./config2.yaml"}
    with running(["make", "up"], output=log, environment=environment | own, cwd=clone) as second:
        wait_for("readiness of the second", lambda: ready(f"http://127.0.0.1:{port}"), seconds=120)
        curl = "\n".join(re.findall(r"^  (?:curl|  -).*$", second.text(), re.MULTILINE))
        assert "Hello from RouteIQ Gateway." in ask(curl)
        assert (clone / "var2/current").is_symlink()


@pytest.mark.parametrize(
    ("env_file", "settings", "told"),
    [
        ("", {"PORT": "abc"}, "PORT is 'abc'; expected a number from 1 to 65534"),
        ("", {"PORT": "08000"}, "PORT is '08000'"),
        ("", {"PORT": "65535"}, "PORT is '65535'"),
        ("1KEY=x\n", {}, ".env: expected NAME=value, found a line that begins with '1KEY'"),
        ("sk-only-a-value\n", {}, ".env: expected NAME=value"),
        ('LITELLM_MASTER_KEY="sk-x"\r\n', {}, "LITELLM_MASTER_KEY has quotes around its value"),
    ],
)
def test_make_up_says_what_cannot_work(tmp_path: Path, env_file: str, settings: dict[str, str], told: str) -> None:
    """One sentence that names the setting, before anything starts; no value of .env is shown."""
    (tmp_path / "docker").mkdir()
    for name in ("up.sh", "first_start.sh"):
        shutil.copy(REPOSITORY / "docker" / name, tmp_path / "docker" / name)
    (tmp_path / ".env").write_text(env_file)
    script = ["sh", str(tmp_path / "docker/up.sh"), "true"]  # in uv's place: there is nothing to install
    environment = clean_environment(**settings)
    tried = subprocess.run(script, check=False, capture_output=True, text=True, env=environment)
    assert tried.returncode == 2
    assert told in tried.stderr
    assert "sk-x" not in tried.stderr


@pytest.mark.parametrize(
    ("settings", "status", "generated"),
    [
        ({"DATABASE_URL": "postgresql://h/d"}, 0, True),
        ({"DATABASE_URL": "postgresql://h/d", "ROUTEIQ_LITELLM_DATABASE": "False"}, 0, False),
        ({}, 0, False),
        ({"DATABASE_URL": "postgresql://h/d"}, 1, True),
    ],
)
def test_make_up_generates_prismas_client_where_litellm_needs_it(
    tmp_path: Path, settings: dict[str, str], status: int, *, generated: bool
) -> None:
    """With a database for LiteLLM it runs `prisma generate`; where that fails, one sentence says what to do."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name, code in (("prisma", status), ("supervisorctl", 1), ("supervisord", 0)):
        (programs / name).write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/{name}.ran\nexit {code}\n')
        (programs / name).chmod(0o755)
    for folder in ("docker", "var"):
        (tmp_path / folder).mkdir()
    for name in ("up.sh", "first_start.sh", "config.default.yaml"):
        shutil.copy(REPOSITORY / "docker" / name, tmp_path / "docker" / name)
    script = ["sh", str(tmp_path / "docker/up.sh"), "true"]
    environment = clean_environment(**settings)
    tried = subprocess.run(script, check=False, capture_output=True, text=True, env=environment)
    assert (tmp_path / "prisma.ran").exists() is generated
    assert (tmp_path / "supervisord.ran").exists() is (status == 0)
    if generated:
        [ran] = (tmp_path / "prisma.ran").read_text().splitlines()
        assert re.fullmatch(r"generate --schema /\S+/litellm/proxy/schema\.prisma", ran)
        assert Path(ran.split()[-1]).exists()
    if status:
        assert tried.returncode == 2
        assert f"run '{programs}/prisma generate --schema /" in tried.stderr
        assert "ROUTEIQ_LITELLM_DATABASE=false" in tried.stderr


@pytest.mark.parametrize(("model", "secured"), [("demo", True), ("other", True), ("demo", False)])
def test_the_line_to_paste_speaks_as_the_gateway_does(tmp_path: Path, model: str, *, secured: bool) -> None:
    """With a certificate the printed curl asks over TLS and trusts it, also where the setting stands in .env."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name, code in (("supervisorctl", 1), ("supervisord", 0)):
        (programs / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "docker").mkdir()
    for name in ("up.sh", "first_start.sh"):
        shutil.copy(REPOSITORY / "docker" / name, tmp_path / "docker" / name)
    (tmp_path / "config.yaml").write_text(f"model_list:\n  - model_name: {model}\n")
    lines = ["SSL_CERTFILE_PATH=/tls/own chain.pem", "SSL_KEYFILE_PATH=/tls/key.pem"] if secured else ["OTHER=1"]
    (tmp_path / ".env").write_text("\n".join(lines))
    script = ["sh", str(tmp_path / "docker/up.sh"), "true"]
    printed = subprocess.run(
        script, check=True, capture_output=True, text=True, env=clean_environment(PORT="4567")
    ).stdout
    told = (
        "--cacert '/tls/own chain.pem' https://localhost:4567/v1/" if secured else "curl -s http://localhost:4567/v1/"
    )
    assert told in printed
    assert printed.count("://localhost") == 1


def test_uv_is_installed_where_it_is_missing(tmp_path: Path) -> None:
    """With nothing but Python on PATH, the checkout brings its own uv, and finds it the next time."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(REPOSITORY / ".ci/uv.sh", tmp_path / ".ci/uv.sh")
    (tmp_path / "bin/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    environment = os.environ | {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    assert shutil.which("uv", path=environment["PATH"]) is None
    uv = ""
    for told in ("uv is missing: installing it", ""):
        found = subprocess.run(
            [tmp_path / ".ci/uv.sh"], check=True, capture_output=True, text=True, env=environment, timeout=110
        )
        assert told in found.stderr
        uv = found.stdout.strip()
        assert uv.startswith(f"{tmp_path}/.uv/")
    assert subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout.startswith("uv ")


def copy_tree(clone: Path) -> None:
    """Copy what git tracks, as it stands now: a clean clone that holds the change under test."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, clone / name)


def ready(base: str) -> bool:
    """Whether the gateway says that it is ready."""
    try:
        return httpx.get(f"{base}/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ask(curl: str) -> str:
    """Run the printed command again."""
    return subprocess.run(["sh", "-c", curl], check=True, capture_output=True, text=True, cwd="/").stdout


def group_of(pid: int) -> list[psutil.Process]:
    """Return the other processes of a foreground group, which a terminal's Ctrl-C reaches too."""
    group = os.getpgid(pid)
    return [child for child in psutil.Process(pid).children(recursive=True) if os.getpgid(child.pid) == group]
