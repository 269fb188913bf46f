"""History and going back in single mode: the volume keeps it, and what an operator says holds over restarts."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import MASTER_KEY, gateway
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

SECRET = "sk-this-is-never-shown-1234567890"
SYNC = "/llmrouter/config/sync"
KEYED = """\
model_list:
  - model_name: {name}
    litellm_params:
      model: openai/x
      api_key: {key}
"""


def served(syncd: Syncd) -> tuple[int, str]:
    """The number on the volume, and the model's name."""
    number, files = syncd.current()
    return number, files["config.yaml"].decode().partition("model_name: ")[2].split()[0]


def come(syncd: Syncd, number: int, name: str) -> None:
    """Wait until the volume holds revision ``number`` with the model ``name``."""
    wait_for(
        f"revision {number} with {name}",
        lambda: (syncd.volume / "current").exists() and served(syncd) == (number, name),
    )


def take(syncd: Syncd, number: int, name: str) -> None:
    """Change the configuration and wait for the revision that it becomes."""
    syncd.write(config(name))
    come(syncd, number, name)


def turned(syncd: Syncd) -> None:
    """Have syncd look at the source once more."""
    assert syncd.command("POST", "/poll")[0] == 200


def history(syncd: Syncd) -> list[dict[str, Any]]:
    """What `history` prints."""
    result = syncd.call("history", "--json")
    assert result.returncode == 0, result.stderr
    return list(json.loads(result.stdout)["revisions"])


def test_a_rollback_sticks_until_the_source_changes(syncd: Syncd) -> None:
    """A higher number with the old content; what the source holds is passed over, over restarts; a change is taken."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        take(syncd, 2, "two")
        done = syncd.call("rollback", "1", "--note", "two is broken", "--by", "alice")
        assert done.returncode == 0, done.stderr
        assert "Revision 3 has the content of revision 1" in done.stdout
        come(syncd, 3, "one")
        turned(syncd)
        assert served(syncd) == (3, "one")
        newest, *_ = history(syncd)
        told = {name: newest[name] for name in ("number", "action", "restores", "asked_by", "note")}
        assert told == {"number": 3, "action": "rollback", "restores": 1, "asked_by": "alice", "note": "two is broken"}
        assert newest["passes_over"] == history(syncd)[1]["digest"]
        again = syncd.call("rollback", "1", "--note", "once more")
        assert (again.returncode, "already; nothing was changed" in again.stdout) == (0, True)
    with syncd.run():
        syncd.wait_for_status("the first turn", fetch__outcome="waiting")
        assert served(syncd) == (3, "one")
        assert "A rollback passes over" in syncd.call("explain").stdout
        take(syncd, 4, "three")
        take(syncd, 5, "two")


def test_what_the_source_is_brought_to_lifts_what_was_passed_over(syncd: Syncd) -> None:
    """The source gets the content that was gone back to, and then what was passed over: that is a change, and taken."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        take(syncd, 2, "two")
        assert syncd.command("POST", "/rollback", {"number": 1, "note": "why"})[0] == 200
        syncd.wait_for_status("two is passed over", fetch__outcome="waiting")
        syncd.write(config("one"))
        syncd.wait_for_status("nothing is passed over", passed_over=None)
        assert served(syncd) == (3, "one")
        take(syncd, 4, "two")


def test_a_pin_holds_and_shows_what_waits(syncd: Syncd) -> None:
    """The source goes on being read: its change waits, a broken one is refused; `unpin` takes what waits."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        take(syncd, 2, "two")
        pinned = syncd.call("pin", "1", "--note", "freeze", "--by", "bob")
        assert "Revision 3 has the content of revision 1, and is pinned" in pinned.stdout
        come(syncd, 3, "one")
        syncd.write(config("three"))
        digest = syncd.wait_for_status("a change that waits", waiting__why="pinned")["waiting"]["digest"]
        syncd.write("model_lists: 1\n")
        syncd.wait_for_status("a refusal", refused__by="syncd")
        syncd.write(config("three"))
        wait_for("it waits again", lambda: (syncd.status().get("waiting") or {}).get("digest") == digest)
        refused = syncd.call("rollback", "2", "--note", "no")
        assert refused.returncode == 1
        assert "is pinned by bob" in refused.stderr
        assert "Unpin it first, or pin revision 2 instead." in refused.stderr
    with syncd.run():
        syncd.wait_for_status("the pin over a restart", pin__number=3, fetch__outcome="waiting")
        assert "freeze" not in json.dumps(syncd.status()), "nobody needs a key for the status"
        assert served(syncd) == (3, "one")
        told = syncd.call("explain").stdout
        assert "Revision 3 is pinned since" in told
        assert "waits for `unpin`" in told
        assert "pinned: revision 3, by bob" in syncd.on_terminal("history")
        assert syncd.call("unpin").returncode == 0
        come(syncd, 4, "three")
        assert syncd.wait_for_status("nothing is pinned", pin=None)["waiting"] is None
        assert "Nothing is pinned" in syncd.call("unpin").stdout


def test_revisions_and_differences_are_shown_without_secrets(syncd: Syncd) -> None:
    """A key that changed is marked and never shown; comments neither."""
    syncd.write(KEYED.format(name="one", key=SECRET))
    with syncd.run():
        come(syncd, 1, "one")
        syncd.write(KEYED.format(name="two", key=SECRET + "-rotated") + f"# {SECRET}\n")
        come(syncd, 2, "two")
        shown = syncd.on_terminal("show", "1")
        difference = syncd.on_terminal("diff", "1", "2")
        lines = difference.splitlines()
        assert "-- model_name: one" in lines
        assert "+- model_name: two" in lines
        assert "-    api_key: '*** (before)'" in lines
        assert "+    api_key: '*** (after)'" in lines
        assert "api_key: '***'" in shown
        assert "same content" in syncd.on_terminal("diff", "2", "2")
        assert SECRET not in shown + difference + syncd.call("history").stdout + syncd.call("show", "2").stdout
        assert "no revision 9" in syncd.call("show", "9").stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rollback", "7", "--note", "x"), "The history has no revision 7"),
        (("rollback", "0", "--note", "x"), "'number' of rollback is the number of a revision"),
        (("rollback", "1", "--note", " "), "rollback needs 'note'"),
        (("pin", "7"), "The history has no revision 7"),
        (("rollback", "1", "--note", "x" * 501), "at most 500 letters"),
    ],
)
def test_what_cannot_be_done_is_told(syncd: Syncd, arguments: tuple[str, ...], told: str) -> None:
    """One sentence, exit code 1, and nothing changed."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        result = syncd.call(*arguments)
        assert result.returncode == 1
        assert told in result.stderr
        assert served(syncd) == (1, "one")


def test_what_left_the_volume_cannot_be_gone_back_to(syncd: Syncd) -> None:
    """The history still lists it, and the sentence says why it cannot be had."""
    syncd.write(config("zero"))
    with syncd.run():
        come(syncd, 1, "zero")
        for number in range(2, 13):
            take(syncd, number, f"change-{number}")
        rows = history(syncd)
        assert [(row["number"], row["kept"]) for row in rows][-3:] == [(3, True), (2, False), (1, False)]
        result = syncd.call("rollback", "1", "--note", "far back")
        assert result.returncode == 1
        assert "The files of revision 1 are no longer on the volume, which keeps the newest 10." in result.stderr
        assert served(syncd)[0] == 12


def test_requests_are_taken_over_the_socket_alone(syncd: Syncd) -> None:
    """TCP answers 403; a wrong method 405, a body that is none 400, a large one 413."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        assert syncd.request("POST", "/rollback")[0] == syncd.request("GET", "/revision?number=1")[0] == 403
        assert syncd.command("GET", "/rollback")[0] == syncd.command("POST", "/diff")[0] == 405
        assert syncd.command("POST", "/pin", ["no object"])[0] == 400
        code, answer = syncd.command("POST", "/pin", {"notes": "misspelt"})
        assert (code, "notes" in answer["error"]) == (400, True)
        assert syncd.command("POST", "/pin", {"note": "x" * 20_000})[0] == 413
        assert syncd.command("GET", "/revision?number=x")[0] == syncd.command("GET", "/diff?from=1")[0] == 400


def test_a_rollback_that_is_killed_is_done_or_not(syncd: Syncd) -> None:
    """Killed once its entry is written: the volume is whole, and what was gone back to is never published over."""
    syncd.write(config("one"))
    with syncd.run():
        come(syncd, 1, "one")
        take(syncd, 2, "two")
    for killed in range(1, 4):
        number = syncd.current()[0]
        with syncd.run() as process, ThreadPoolExecutor(1) as asking:
            syncd.wait_for_status("it runs", desired__number=number, running=True)
            asked = asking.submit(syncd.call, "rollback", str(1 + killed % 2), "--note", f"try {killed}")
            entry = syncd.volume / "history" / f"{number + 1:06d}.json"
            wait_for("the entry, or an answer", lambda: entry.exists() or asked.done(), every=0.001)  # noqa: B023
            process.kill()
        held = served(syncd)
        with syncd.run():
            wait_for("a turn", lambda: syncd.status().get("fetch", {}).get("succeeded_at"))
            assert served(syncd) == held
            assert not syncd.leftovers()


def test_the_gateway_goes_back_for_who_has_the_master_key(syncd: Syncd, tmp_path: Path) -> None:
    """Without it 401, and nothing changed; with it each route answers what syncd answers; 503 while syncd is down."""
    syncd.write(KEYED.format(name="one", key=SECRET))
    with syncd.run() as process, gateway(tmp_path, ROUTEIQ_VOLUME=str(syncd.volume)) as gate:
        come(syncd, 1, "one")
        syncd.write(KEYED.format(name="two", key=SECRET + "-2"))
        come(syncd, 2, "two")
        gate.wait_ready()
        reading = ("history", "revisions/1", "diff?from=1&to=2")
        changing: dict[str, dict[str, Any]] = {"rollback": {"number": 1, "note": "why"}, "pin": {}, "unpin": {}}
        with gate.client(key="sk-wrong") as client:
            assert {client.get(f"{SYNC}/{path}").status_code for path in reading} == {401}
            assert {client.post(f"{SYNC}/{path}", json=body).status_code for path, body in changing.items()} == {401}
        assert served(syncd) == (2, "two")
        with gate.client(key=MASTER_KEY) as client:
            answers = [client.get(f"{SYNC}/{path}") for path in reading]
            assert [answer.status_code for answer in answers] == [200] * 3
            assert not any(SECRET in answer.text for answer in answers)
            assert "+- model_name: two" in answers[2].json()["text"]
            done = client.post(f"{SYNC}/rollback", json=changing["rollback"])
            assert (done.status_code, done.json()["number"]) == (200, 3), done.text
            wait_for("it is served", lambda: client.get(f"{SYNC}/status").json()["serving"]["number"] == 3)
            status = client.get(f"{SYNC}/status").json()
            assert (status["passed_over"], status["pin"]) == (history(syncd)[1]["digest"], None)
            assert history(syncd)[0]["asked_by"] == "who has the master key"
            assert client.post(f"{SYNC}/pin", json={"by": "carol"}).status_code == 200
            assert client.get(f"{SYNC}/status").json()["pin"]["number"] == 3
            assert client.get(f"{SYNC}/history").json()["pin"]["by"] == "carol"
            assert client.post(f"{SYNC}/unpin").status_code == 200
            assert client.post(f"{SYNC}/rollback", json={"number": 1}).status_code == 400
            assert client.post(f"{SYNC}/rollback", content=b"{").status_code == 400
            assert client.get(f"{SYNC}/revisions/9").status_code == 404
            assert client.get(f"{SYNC}/revisions/x").status_code == 400
            process.kill()
            assert client.post(f"{SYNC}/unpin").status_code == 503
