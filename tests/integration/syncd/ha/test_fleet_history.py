"""What people and gateways can ask: fleet, history, explain; and what each tells."""

import json
from pathlib import Path

import httpx

from tests.support.fleet import Fleet
from tests.support.gateway import MASTER_KEY, gateway
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for


def test_the_commands_tell_the_fleet_its_history_and_why(replicas: Fleet) -> None:
    """`fleet`, `history` and `explain` print JSON for machines; the socket answers them and TCP does not."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.start(1)
    replicas.wait_serving("one")
    wait_for("both rows", lambda: replicas.sql("SELECT count(*) FROM routeiq.replica WHERE desired = 1") == ["2"])
    first, second = replicas.syncds
    told = second.call("fleet", "--json")
    assert told.returncode == 0
    fleet = json.loads(told.stdout)
    assert fleet["lease"]["epoch"] == fleet["desired"]["number"] == 1
    assert [(row["desired"], row["state"]) for row in fleet["replicas"]] == [(1, "materialised")] * 2
    assert all(row["silent_seconds"] < 15 and row["versions"]["syncd"] for row in fleet["replicas"])
    history = json.loads(first.call("history").stdout)
    assert [(row["number"], row["epoch"]) for row in history["revisions"]] == [(1, 1)]
    assert history["revisions"][0]["source"]["location"] == f"s3://{replicas.bucket}/config.yaml"
    assert "This syncd is the holder, epoch 1" in first.call("explain").stdout
    why = json.loads(second.call("explain").stdout)
    assert f"{fleet['lease']['holder_id']} is, epoch 1" in why["election"][0]
    assert "the gateway serves nothing" in why["revision"][0]
    assert second.request("GET", "/fleet")[0] == second.request("GET", "/history")[0] == 403
    replicas.postgres.stop()
    try:
        result = second.call("fleet")
        assert result.returncode == 1
        assert "cannot be used" in result.stderr
    finally:
        replicas.postgres.start()
    replicas.stop(1)
    assert second.call("fleet").returncode == 3
    assert "syncd does not run" in second.call("explain").stdout


def test_on_a_terminal_they_are_tables(replicas: Fleet) -> None:
    """Columns under headings, a line for each replica and revision; `--json` is for machines there too."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.start(1)
    replicas.put("two")
    replicas.wait_serving("two")
    wait_for("both rows", lambda: replicas.sql("SELECT count(*) FROM routeiq.replica WHERE desired = 2") == ["2"])
    syncd = replicas.syncds[1]
    fleet = json.loads(syncd.on_terminal("fleet", "--json"))
    lock, holder, desired, headings, *rows = syncd.on_terminal("fleet").splitlines()
    assert lock == "lock config_sync"
    assert holder.startswith(f"holder {fleet['lease']['holder_id']}, epoch 1, expires ")
    assert desired == f"desired revision 2 ({fleet['desired']['digest'][:12]})"
    assert headings.split() == ["REPLICA", "VOLUME", "SERVING", "STATE", "SILENT", "S", "REASON"]
    for row, replica in zip(rows, fleet["replicas"], strict=True):
        assert row.split()[:4] == [replica["replica_id"], "2", "-", "materialised"]
        assert row.index("materialised") == headings.index("STATE")
    history = json.loads(syncd.on_terminal("history", "--json"))["revisions"]
    headings, *rows = syncd.on_terminal("history").splitlines()
    columns = ["NUMBER", "DIGEST", "ACTION", "OF", "EPOCH", "HOLDER", "CREATED", "ACKED", "ASKED", "BY", "NOTE"]
    assert headings.split() == columns
    told = [
        [str(row["number"]), row["digest"][:12], "publish", "-", "1", row["holder_id"], row["created_at"], *"---"]
        for row in history
    ]
    assert [row.split() for row in rows] == told
    assert [row[0] for row in told] == ["2", "1"]
    assert syncd.on_terminal("explain").startswith("This syncd is not the holder: ")
    assert json.loads(syncd.on_terminal("explain", "--json"))["election"]


def test_there_is_no_fleet_in_single_mode(syncd: Syncd) -> None:
    """The command says which setting brings one."""
    result = syncd.call("fleet")
    assert result.returncode == 1
    assert "LLMROUTER_HA_MODE=leader_election" in result.stderr


def test_the_gateway_tells_the_fleet_to_who_has_the_master_key(replicas: Fleet, tmp_path: Path) -> None:
    """Without it 401; with it what syncd answers; 503 while syncd is down."""
    replicas.put("demo")
    replicas.start(0)
    replicas.wait_serving("demo")
    with gateway(
        tmp_path, ROUTEIQ_VOLUME=str(replicas.syncds[0].volume), LLMROUTER_HA_MODE="leader_election"
    ) as served:
        served.wait_ready()
        for name, part in {"fleet": "replicas", "history": "revisions", "explain": "election"}.items():
            path = f"/llmrouter/config/sync/{name}"
            assert served.get(path).status_code == 401
            with served.client(key="sk-wrong") as client:
                assert client.get(path).status_code == 401
            with served.client(key=MASTER_KEY) as client:
                answer = client.get(path)
                assert answer.status_code == 200, answer.text
                assert answer.json()[part]

        def state() -> object:
            with served.client() as client:
                return client.get("/llmrouter/config/sync/fleet").json()["replicas"][0]["state"] == "serving"

        wait_for("the replica to tell that it serves", state)
        replicas.kill(0)
        with served.client() as client:
            assert client.get("/llmrouter/config/sync/fleet").status_code == httpx.codes.SERVICE_UNAVAILABLE
