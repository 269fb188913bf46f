"""The commands, their exit codes, the HTTP surfaces, and the ends of a process."""

import json
import resource
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.support.silent_disk import silent_disk
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(syncd: Syncd, number: signal.Signals) -> None:
    """Exit code 0, the socket gone, and a last status.json that says it does not run."""
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        process.process.send_signal(number)
        assert process.wait_for_exit() == 0
    assert not (syncd.volume / "syncd.sock").exists()
    assert json.loads((syncd.volume / "status.json").read_text())["running"] is False
    assert "Traceback" not in process.text()


def test_commands_come_over_the_socket_only(syncd: Syncd) -> None:
    """POST /poll is 403 on TCP; the socket's mode keeps strangers out."""
    syncd.write(config())
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)
        assert syncd.request("POST", "/poll")[0] == 403
        assert stat.S_IMODE((syncd.volume / "syncd.sock").stat().st_mode) == 0o660
        syncd.write(config("polled"))
        code, document = syncd.command("POST", "/poll")
        assert (code, document["desired"]["number"]) == (200, 2)
        assert syncd.request("GET", "/nothing")[0] == 404
        assert syncd.request("POST", "/status")[0] == 405


def test_the_gateways_answer_shows_in_the_status(syncd: Syncd) -> None:
    """What the gateway serves and refused arrives within a moment; half an answer changes nothing."""
    syncd.write(config())
    answer = syncd.volume / "answers/gateway.json"
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        serving = {"number": 1, "digest": "1" * 64, "since": "2026-01-01T00:00:00.000Z"}
        refused = {"number": 2, "digest": "2" * 64, "reason": "unknown provider", "at": "2026-01-01T00:00:00.000Z"}
        document = {"format": 1, "serving": serving, "refused": refused, "workers": [], "news": True}
        answer.write_text(json.dumps(document))
        status = syncd.wait_for_status("the answer", serving=serving)
        assert status["refused"] == {"by": "gateway", **refused}
        process.wait_for_text("unknown provider")
        answer.write_text('{"format": 1, "serv')
        syncd.command("POST", "/poll")
        assert syncd.status()["serving"] == serving
        answer.write_text(json.dumps({**document, "refused": None}))
        syncd.wait_for_status("the end of the refusal", refused=None)


def test_status_tells_the_living_from_the_dead(syncd: Syncd) -> None:
    """Exit code 0 from a running syncd, 3 with the last known status after kill -9, 1 where nothing is known."""
    assert syncd.call("status").returncode == 1
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        result = syncd.call("status")
        assert (result.returncode, json.loads(result.stdout)["running"]) == (0, True)
        wait_for("status.json", lambda: '"number": 1' in (syncd.volume / "status.json").read_text())
        process.kill()
    result = syncd.call("status")
    document = json.loads(result.stdout)
    assert (result.returncode, document["running"], document["desired"]["number"]) == (3, False, 1)
    with syncd.run():
        syncd.wait_for_status("the restart over a stale socket", running=True)


def test_once_says_what_it_did(syncd: Syncd) -> None:
    """0 for changed and for unchanged, 1 for refused and for failed; the outcome stands in the JSON."""
    for text, outcome, code in (
        (None, "failed", 1),
        (config(), "changed", 0),
        (config(), "unchanged", 0),
        ("[]", "refused", 1),
    ):
        if text is not None:
            syncd.write(text)
        result = syncd.call("once")
        assert (json.loads(result.stdout)["outcome"], result.returncode) == (outcome, code)
        assert result.stderr == ""


def test_validate_prints_every_problem_with_its_line(syncd: Syncd, tmp_path: Path) -> None:
    """All problems at once, by the name the caller used; values, which can be secrets, are not told."""
    path = tmp_path / "mine.yaml"
    path.write_text("model_list:\n  - model_name: a\n  - litellm_params: sk-secret\nrouter_setings: {}\n")
    result = syncd.call("validate", str(path))
    assert result.returncode == 1
    assert f"error: {path}:2: the model needs litellm_params" in result.stdout
    assert f"error: {path}:3: the model needs a model_name" in result.stdout
    assert f"error: {path}:4: unknown section 'router_setings'; did you mean 'router_settings'?" in result.stdout
    assert "sk-secret" not in result.stdout
    path.write_text(config())
    assert syncd.call("validate", str(path)).returncode == 0
    assert syncd.call("validate", str(tmp_path / "absent.yaml")).returncode == 1


def test_validate_speaks_to_machines_too(syncd: Syncd, tmp_path: Path) -> None:
    """JSON and SARIF have what the text has, over several files; a file that cannot be read hides no other."""
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_text("model_list:\n  - model_name: x\n")
    good.write_text(config())
    documents = []
    for form in ("--json", "--sarif"):
        result = syncd.call("validate", form, str(bad), str(tmp_path / "absent.yaml"), str(good))
        assert result.returncode == 1
        assert "absent.yaml does not exist" in result.stderr
        documents.append(json.loads(result.stdout))
    assert documents[0]["verdict"] == "refused"
    [found] = documents[0]["findings"]
    assert (found["level"], found["file"], found["line"]) == ("error", str(bad), 2)
    [sarif] = documents[1]["runs"][0]["results"]
    place = sarif["locations"][0]["physicalLocation"]
    assert sarif["message"]["text"] == found["message"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (str(bad), 2)


def test_settings_that_cannot_work_are_refused_in_sentences(syncd: Syncd) -> None:
    """Exit code 2, each variable named, no traceback, no value that could be a secret."""
    result = syncd.call(
        "run", LLMROUTER_HA_MODE="leader_election", DATABASE_URL="mysql://u:hidden@h/d", CONFIG_SOURCE="gcs"
    )
    assert result.returncode == 2
    assert "DATABASE_URL must be a URL that starts with postgresql://" in result.stderr
    assert "CONFIG_GCS_BUCKET must name the bucket" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hidden" not in result.stderr


def test_an_endpoint_that_is_no_url_is_refused_at_the_start(syncd: Syncd) -> None:
    """Exit code 2 and the variable's name, though it is botocore that reads it."""
    result = syncd.call("run", AWS_ENDPOINT_URL_S3="not a url", CONFIG_SOURCE="s3", S3_BUCKET_NAME="b")
    assert result.returncode == 2
    assert "AWS_ENDPOINT_URL_S3" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_without_a_mode_means_leader_election(syncd: Syncd) -> None:
    """It waits for the database; with nothing to serve it then fetches by itself, and the status says what that is."""
    syncd.write(config())
    with syncd.run({"DATABASE_URL": "postgresql://user:hidden@127.0.0.1:1/name"}) as process:
        status = syncd.wait_for_status("the fallback", desired__number=1, database__unpublished=True)
        assert status["mode"] == "leader_election"
        assert not status["leader_election"]["is_leader"]
        assert "PostgreSQL at 127.0.0.1:1 cannot be used" in status["last_error"]["message"]
        assert syncd.request("GET", "/readyz")[0] == syncd.request("GET", "/livez")[0] == 200
        assert "hidden" not in process.text() + json.dumps(status)


def test_a_taken_port_is_told_in_a_sentence(syncd: Syncd, tmp_path: Path) -> None:
    """A second syncd with a volume of its own but the same port ends at once, with exit code 4."""
    syncd.write(config())
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)
        result = syncd.call("run", ROUTEIQ_VOLUME=str(tmp_path / "other"))
        assert result.returncode == 4
        assert "cannot be listened on: Address already in use" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_volume_that_cannot_be_used_is_told_by_the_exit_code(syncd: Syncd) -> None:
    """`run` beside another, and `run` where a file stands in the volume's place: exit code 5."""
    syncd.write(config())
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)
        assert syncd.call("run").returncode == 5
    file = syncd.directory / "file"
    file.touch()
    result = syncd.call("run", ROUTEIQ_VOLUME=str(file))
    assert result.returncode == 5
    assert "cannot be written" in result.stderr


def test_a_supervisor_is_told_that_the_loops_turn_until_one_does_not(syncd: Syncd) -> None:
    """The words of sd_notify(3), from the start on; a loop that blocks, on a disk that hangs, is silence.

    A low soft limit of open files is raised to the hard one.
    """
    syncd.write(config())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("")
        ear.settimeout(30)
        address = "@" + ear.getsockname()[1:].decode()
        with syncd.run({"NOTIFY_SOCKET": address}) as process:
            syncd.wait_for_status("the first revision", desired__number=1)
            for _ in range(3):
                assert ear.recv(4096) == b"WATCHDOG=1\nWATCHDOG_USEC=45000000"
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            assert soft == hard
            ear.settimeout(12)
            with silent_disk(syncd.volume / "answers"):
                assert wait_for("silence", lambda: not heard(ear), seconds=60)
                process.kill()


def heard(ear: socket.socket) -> bool:
    """Whether something is said in time."""
    try:
        return bool(ear.recv(4096))
    except TimeoutError:
        return False
