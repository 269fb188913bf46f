import re
import socket
from pathlib import Path

import pytest

from tests.support.gateway import MASTER_KEY, config_with, gateway, tree_of
from tests.support.processes import SCRIPTS, clean_environment, free_port, listening, running
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

IN_THE_FILE = """
general_settings: {master_key: sk-from-the-file-1234}
environment_variables: {DB_PASS: horse-battery, SMTP_PWD: horse-staple, DB_HOST: horse-stable}
"""


def test_without_a_revision_clients_are_told_to_wait(tmp_path: Path) -> None:
    """Before the first revision the gateway is live, not ready, says why, and takes the revision when it comes."""
    with gateway(tmp_path) as started:
        wait_for("the port", lambda: listening(started.port), seconds=60)
        assert started.get("/health/live").status_code == 200
        reply = started.get("/health/ready")
        assert reply.status_code == 503
        assert "waiting for syncd" in reply.json()["reason"]
        assert started.get("/v1/models").status_code == 503
        assert started.status()["gateway"]["state"] == "starting"
        started.volume.put("model_list: [\n")
        wait_for("the refusal", lambda: "line 2" in started.get("/health/ready").json()["reason"])
        reloads = {key: started.post("/llmrouter/config/reload", key=key) for key in (MASTER_KEY, "sk-wrong", "")}
        assert [reply.status_code for reply in reloads.values()] == [422, 401, 401]
        assert "line 2" in reloads[MASTER_KEY].json()["reason"]
        for view in ("fleet", "history", "explain"):  # with the key: there is no syncd here
            assert started.get(f"/llmrouter/config/sync/{view}").status_code == 401
            with started.client() as client:
                assert client.get(f"/llmrouter/config/sync/{view}").status_code == 503
        started.wait_serving(started.volume.put(config_with("here")))
        assert started.chat() == "here"


def test_a_start_on_a_refused_revision_falls_back_to_the_last_known_good(tmp_path: Path) -> None:
    """A restart while `current` is a refused revision serves what was acked last, and reports the refusal."""
    with gateway(tmp_path) as first:
        first.volume.put(config_with("good"))
        first.wait_ready()
        bad = first.volume.put("model_list: [\n")
        first.wait_refused(bad)
    with gateway(tmp_path) as second:
        second.wait_ready()
        assert second.chat() == "good"
        assert second.status()["refused"]["digest"] == bad
        second.volume.number = 2
        second.wait_serving(second.volume.put(config_with("better")))
        assert second.chat() == "better"


def test_a_start_takes_the_best_revision_of_the_volume_that_it_takes(tmp_path: Path) -> None:
    """On a refused revision: what the fleet acked goes before what this gateway did, and what is refused is passed by.

    A gateway with nothing to serve waits for the link `acked`, and the revision that is wanted stays the one refused.
    """
    with gateway(tmp_path, ROUTEIQ_WORKERS="1") as first:
        bad = first.volume.put("model_list: [\n", number=5)
        wait_for("the port", lambda: listening(first.port), seconds=60)
        first.wait_refused(bad)
        assert first.get("/health/ready").json()["reason"].startswith("revision 5 is refused")
        first.volume.put(config_with("acked"), number=3, link="acked")
        first.wait_ready()
        assert first.chat() == "acked"
        assert first.status()["refused"]["number"] == 5
        first.wait_serving(first.volume.put(config_with("newer"), number=6))
        worse = first.volume.put("model_list: [\n", number=9)
        first.wait_refused(worse)
    first.volume.put("model_list: {", number=8, link="acked")
    first.volume.put(config_with("between"), number=7, link="other")
    with gateway(tmp_path, ROUTEIQ_WORKERS="1") as second:
        second.wait_ready()
        assert second.chat() == "newer"
        assert second.status()["refused"]["digest"] == worse


def test_a_current_that_is_no_link_is_told(tmp_path: Path) -> None:
    """A directory in the place of `current` ends nothing: the reason is given, and what is served goes on."""
    with gateway(tmp_path) as started:
        current = started.volume.root / "current"
        current.mkdir()
        wait_for("the port", lambda: listening(started.port), seconds=60)
        wait_for("the reason", lambda: "is not a link" in started.get("/health/ready").json()["reason"])
        current.rmdir()
        started.volume.put(config_with("here"))
        started.wait_ready()
        current.unlink()
        current.mkdir()
        started.process.wait_for_text("the revision served goes on")
        assert started.chat() == "here"
        current.rmdir()
        started.wait_serving(started.volume.put(config_with("there")))


SECRET = "sk-never-told-8c1f"
FIRST_STARTS = {
    "broken YAML": ({}, f"model_list:\n  - {{api_key: {SECRET}\n", "broken.yaml:3: the YAML is broken"),
    "a broken rule": ({}, f"model_list:\n  - {{api_key: {SECRET}}}\n", "broken.yaml:2: the model needs a model_name"),
    "a pattern that nothing fits": (
        {"ROUTEIQ_CONFIG_FILES": "absent.json"},
        config_with("x"),
        "absent.json: no file beside the configuration fits this pattern",
    ),
    "no bucket": (
        {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        "",
        "127.0.0.1:9",
    ),
}


@pytest.mark.parametrize("name", FIRST_STARTS)
def test_at_a_first_start_readiness_says_why_syncd_has_no_revision(tmp_path: Path, name: str) -> None:
    """A probe's answer has the reason that the status has, with the file and the line, and without a value."""
    settings, text, told = FIRST_STARTS[name]
    syncd = Syncd(tmp_path, {"LITELLM_CONFIG_PATH": str(tmp_path / "config/broken.yaml"), **settings})
    syncd.write(text, "broken.yaml")
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
    with syncd.run(keys), gateway(tmp_path) as started:
        wait_for("the port", lambda: listening(started.port), seconds=60)
        wait_for(told, lambda: told in started.get("/health/ready").json()["reason"])
        reply, status = started.get("/health/ready"), started.status()
        assert reply.status_code == 503
        said = (status["refused"] or {}).get("reason") or status["last_error"]["message"]
        assert said in reply.json()["reason"]
        assert SECRET not in reply.text
        assert status["serving"] is None


def test_a_gateway_that_starts_does_not_seem_to_serve_what_an_earlier_one_did(tmp_path: Path) -> None:
    """After a crash of all processes the answer on the volume says "starting" before LiteLLM is even imported."""
    with gateway(tmp_path) as first:
        first.volume.put(config_with("good"))
        first.wait_ready()
        for process in tree_of(first.process.pid)[::-1]:
            process.kill()
        first.process.wait_for_exit()
        before, imports = first.volume.answer(), first.process.text().count("LiteLLM imported")
    assert before["state"] == "serving"
    with gateway(tmp_path) as second:
        wait_for("a word of the new gateway", lambda: second.volume.answer()["instance"] != before["instance"])
        assert second.volume.answer()["state"] == "starting"
        assert second.process.text().count("LiteLLM imported") == imports
        second.wait_ready()
        assert second.chat() == "good"


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    """`LITELLM_<SECTION>__<KEY>` sets what the file says otherwise; `config` prints the result, secrets masked."""
    settings = {
        "LITELLM_GENERAL_SETTINGS__MASTER_KEY": "sk-from-the-override-77",
        "LITELLM_ROUTER_SETTINGS__NUM_RETRIES": "7",
    }
    with gateway(tmp_path, port=None, scripts=SCRIPTS, **settings) as started:
        started.volume.put(config_with("x", extra=IN_THE_FILE))
        started.wait_ready()
        assert started.post("/v1/chat/completions", {}, key="sk-from-the-file-1234").status_code == 401
        with started.client(key="sk-from-the-override-77") as client:
            assert client.get("/v1/models").status_code == 200
        environment = clean_environment(ROUTEIQ_VOLUME=str(started.volume.root), **settings)
        command = [str(SCRIPTS / "routeiq-gateway"), "config"]
        with running(command, output=tmp_path / "config.out", environment=environment) as printing:
            assert printing.wait_for_exit() == 0
            assert "num_retries: 7" in printing.text()
            assert "master_key: '***'" in printing.text()
            assert "sk-from" not in printing.text()
            assert "horse" not in printing.text()


def test_bad_settings_are_refused_in_sentences(tmp_path: Path) -> None:
    """Each setting that cannot work is named with what was expected, and the command ends with 2."""
    environment = clean_environment(
        PORT="99999", ROUTEIQ_WORKERS="none", LITELLM_NOSUCH__KEY="1", LITELLM_CONFIG_BUCKET_NAME="b"
    )
    command = [str(SCRIPTS / "routeiq-gateway")]
    with running(command, output=tmp_path / "out", environment=environment) as started:
        assert started.wait_for_exit() == 2
        for name in ("PORT", "ROUTEIQ_WORKERS", "LITELLM_NOSUCH__KEY", "LITELLM_CONFIG_BUCKET_NAME"):
            assert name in started.text()
        assert "Traceback" not in started.text()


@pytest.mark.parametrize(
    "value", ["12345", "2024-99-99", "[" * 5000, "7" * 6000], ids=["number", "date", "deep", "long"]
)
def test_an_override_that_cannot_work_is_refused_in_a_sentence(tmp_path: Path, value: str) -> None:
    """An override is named with what was expected, whatever PyYAML or LiteLLM would make of its value."""
    environment = clean_environment(LITELLM_GENERAL_SETTINGS__MASTER_KEY=value)
    with running([str(SCRIPTS / "routeiq-gateway")], output=tmp_path / "out", environment=environment) as started:
        assert started.wait_for_exit() == 2
        assert "LITELLM_GENERAL_SETTINGS__MASTER_KEY: " in started.text()
        assert "quote it" in started.text()
        assert "Traceback" not in started.text()


def test_a_refusal_however_long_is_told_and_does_not_end_the_gateway(tmp_path: Path) -> None:
    """On a fresh volume a reason far larger than the shared page has room for is cut; the next revision is served."""
    deep, key = "os.environ/NOT_SET_ANYWHERE", "_".join(["key"] * 19)
    for _ in range(80):
        deep = f"{{{key}: {deep}}}"
    with gateway(tmp_path) as started:
        reason = started.wait_refused(started.volume.put(config_with("x", extra=f"our_section: {deep}\n")))
        assert re.match(r"config\.yaml:\d+: our_section\.key_key", reason)
        assert reason.endswith("…")
        wait_for("the port", lambda: listening(started.port))
        assert started.get("/health/ready").json()["reason"].startswith(f"revision 1 is refused: {reason[:40]}")
        started.wait_serving(started.volume.put(config_with("short")))
        assert started.process.process.poll() is None


def test_an_answer_that_cannot_be_read_keeps_no_gateway_from_starting(tmp_path: Path) -> None:
    """What stands at answers/gateway.json may be anything, a directory even: the gateway serves, and says so once."""
    (tmp_path / "volume/answers/gateway.json").mkdir(parents=True)
    with gateway(tmp_path) as started:
        started.volume.put(config_with("here"))
        started.wait_ready()
        assert started.chat() == "here"
        assert started.process.text().count("what an earlier gateway served is not known") == 1


@pytest.mark.parametrize(("requires", "code"), [("true", 503), ("false", 200)])
def test_readiness_follows_litellms_where_it_is_told_to(tmp_path: Path, requires: str, code: int) -> None:
    """With ROUTEIQ_READY_REQUIRES_DB readiness needs LiteLLM's own; without, what becomes of that touches nothing.

    LiteLLM's drain endpoint makes its own readiness fail here as a lost database would.
    """
    with gateway(tmp_path, ROUTEIQ_WORKERS="1", ROUTEIQ_READY_REQUIRES_DB=requires) as started:
        started.volume.put(config_with("x", extra="general_settings: {enable_drain_endpoint: true}\n"))
        started.wait_ready()
        assert started.get("/health/drain").status_code == 200
        assert started.get("/health/readiness").status_code == 503
        reply = started.get("/health/ready")
        assert reply.status_code == code
        assert ("ROUTEIQ_READY_REQUIRES_DB" in reply.text) is (requires == "true")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """A gateway that cannot bind says which port, and ends with 4."""
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with gateway(tmp_path, port=port) as started:
            assert started.process.wait_for_exit(seconds=60) == 4
            assert str(port) in started.process.text()
            assert "set PORT" in started.process.text()
            assert "LiteLLM imported" not in started.process.text()


def test_a_port_that_is_taken_after_it_was_bound_is_named(tmp_path: Path) -> None:
    """Another process that comes to listen while LiteLLM is imported ends the gateway with 4."""
    port = free_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        with gateway(tmp_path, port=port) as started:
            started.volume.put(config_with("x"))
            started.process.wait_for_text("LiteLLM imported", seconds=60)
            other.listen()
            assert started.process.wait_for_exit(seconds=60) == 4
            assert "set PORT" in started.process.text()
            assert "Traceback" not in started.process.text()


@pytest.mark.parametrize("host", ["nohost.invalid", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_here_is_named(tmp_path: Path, host: str) -> None:
    """A gateway told to listen on a host of which there is none says so, and ends with 4 at once."""
    with gateway(tmp_path, HOST=host) as started:
        assert started.process.wait_for_exit(seconds=60) == 4
        assert "set HOST" in started.process.text()
        assert "Traceback" not in started.process.text()


def test_a_database_without_prismas_client_is_a_setting_that_cannot_work(tmp_path: Path) -> None:
    """With a database for LiteLLM and no generated client, one sentence says what to run, before LiteLLM's import."""
    with gateway(tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/x") as running:
        assert running.process.wait_for_exit() == 2
        [schema] = re.findall(r"/prisma generate --schema (\S+)`", running.process.text())
        assert Path(schema).exists()
        assert "ROUTEIQ_LITELLM_DATABASE=false" in running.process.text()
        assert "LiteLLM imported" not in running.process.text()


def test_nothing_waits_for_a_database_that_is_kept_from_litellm(tmp_path: Path) -> None:
    """With `ROUTEIQ_LITELLM_DATABASE=false` the gateway serves while no server answers at DATABASE_URL."""
    with gateway(
        tmp_path,
        DATABASE_URL="postgresql://127.0.0.1:1/x",
        ROUTEIQ_LITELLM_DATABASE="false",
        ROUTEIQ_WAIT_FOR_SCHEMA="true",
    ) as running:
        running.volume.put(config_with("answer 0"))
        running.wait_ready()
        assert running.chat() == "answer 0"
