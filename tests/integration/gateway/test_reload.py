import signal

import httpx
import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_with
from tests.support.waiting import wait_for

MODEL = "model_list:\n  - model_name: demo\n    litellm_params: {{model: {model}, api_key: {key}}}\n"
SECRET = "sk-config-secret-90aa7"
LONG_SECRET = "sk-5a1b2c3d4e5f60718293a4b5c6d7e8f9-0f1e2d3c4b5a6978"
PIECE = 8
GUARDRAIL = "guardrails:\n  - {guardrail_name: g9, litellm_params: {guardrail: none, mode: pre_call}}\n"


def test_a_new_revision_is_served(shared: Gateway) -> None:
    """Once `current` moves, requests are answered from the new revision, and readiness names it."""
    digest = shared.volume.put(config_with("second"))
    shared.wait_serving(digest)
    assert shared.chat() == "second"
    assert shared.get("/health/ready").json()["revision"] == shared.volume.number


@pytest.mark.parametrize(
    ("config", "named"),
    [
        pytest.param("model_list: [\n", "line 2", id="broken YAML"),
        pytest.param("- a\n", "expected a mapping", id="no mapping"),
        pytest.param(MODEL.format(model="nosuchprovider/x", key=SECRET), "nosuchprovider/x", id="unknown provider"),
        pytest.param(MODEL.format(model="openai/x", key="os.environ/ABSENT_KEY"), "ABSENT_KEY", id="missing variable"),
        pytest.param(
            config_with(
                "x", extra="guardrails:\n  - {guardrail_name: g9, litellm_params: {guardrail: none, mode: pre_call}}"
            ),
            "g9",
            id="unknown guardrail",
        ),
        pytest.param(config_with("x", extra="include: [absent.yaml]\n"), "absent.yaml", id="missing include"),
        pytest.param(
            config_with("x", extra="litellm_settings: {callbacks: absent_module.handler}\n"),
            "absent_module",
            id="missing callback",
        ),
    ],
)
def test_a_refused_revision_replaces_nothing(shared: Gateway, config: str, named: str) -> None:
    """What LiteLLM cannot serve whole is refused with a reason that names it; the old revision goes on serving."""
    before = shared.chat()
    workers = shared.workers()
    reason = shared.wait_refused(shared.volume.put(config))
    assert named in reason
    assert SECRET not in reason
    assert shared.chat() == before
    assert shared.workers() == workers
    status = shared.status()
    assert status["refused"]["by"] == "gateway"
    assert status["refused"]["reason"] == reason
    assert shared.get("/health/ready").status_code == 200
    assert named in shared.process.text()


def test_the_next_good_revision_is_taken_and_clears_the_refusal(shared: Gateway) -> None:
    """A refusal ends with the next revision that is served."""
    shared.wait_refused(shared.volume.put("model_list: {\n"))
    digest = shared.volume.put(config_with("good again"))
    shared.wait_serving(digest)
    assert shared.chat() == "good again"
    assert shared.status()["refused"] is None


def test_a_variable_that_is_set_is_accepted(shared: Gateway) -> None:
    """A reference to a variable of the gateway's environment is resolved; its value shows nowhere."""
    config = config_with("x", extra=MODEL.format(model="openai/y", key="os.environ/PROVIDER_KEY").split("\n", 1)[1])
    shared.wait_serving(shared.volume.put(config))
    assert "sk-provider-value-41f7" not in shared.process.text()


def test_a_guardrail_that_loads_is_accepted(shared: Gateway) -> None:
    """A guardrail that LiteLLM knows is found loaded, so its revision is served."""
    known = GUARDRAIL.replace("guardrail: none", "guardrail: tool_permission, rules: []")
    shared.wait_serving(shared.volume.put(config_with("guarded", extra=known)))


def test_a_damaged_revision_is_refused(shared: Gateway) -> None:
    """A file that is not the one that was published is never loaded."""
    shared.volume.number += 1
    number = shared.volume.number
    digest = shared.volume.put(config_with("damaged"), link="aside", number=number)
    directory = next((shared.volume.root / "revisions").glob(f"{number:06d}-*"))
    (directory / "config.yaml").write_text(config_with("tampered with"))
    shared.volume.point("current", directory)
    assert "not the file that was published" in shared.wait_refused(digest)


def test_an_older_revision_is_refused(shared: Gateway) -> None:
    """Invariant 3: the gateway never goes to a lower number than it has served."""
    shared.wait_serving(shared.volume.put(config_with("newer")))
    newest = shared.volume.number
    digest = shared.volume.put(config_with("older"), number=newest - 1000 if newest > 1000 else 0)
    assert "is older than" in shared.wait_refused(digest)
    assert shared.chat() == "newer"
    shared.volume.number = newest


def test_a_callback_beside_the_config_is_loaded(shared: Gateway) -> None:
    """A python file of the bundle serves as callback, and nothing is written into the revision."""
    module = (
        "from litellm.integrations.custom_logger import CustomLogger\n"
        "class Handler(CustomLogger):\n"
        "    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):\n"
        "        data['mock_response'] = 'from the callback'\n"
        "        return data\n"
        "handler = Handler()\n"
    )
    extra = "litellm_settings: {callbacks: mine.handler}\n"
    digest = shared.volume.put(config_with("x", extra=extra), mine__py=module)
    shared.wait_serving(digest)
    assert shared.chat() == "from the callback"
    directory = (shared.volume.root / "current").resolve()
    assert sorted(path.name for path in directory.iterdir()) == ["config.yaml", "manifest.json", "mine.py"]


def test_a_trial_gives_a_verdict_and_touches_nothing(shared: Gateway) -> None:
    """A candidate is brought up aside and answered for; what is served does not change."""
    shared.wait_serving(shared.volume.put(config_with("served")))
    good = shared.volume.put(config_with("candidate"), link="candidate")
    bad = shared.volume.put(MODEL.format(model="nosuchprovider/z", key=SECRET), link="candidate2")
    answers = shared.volume.root / "answers"
    wait_for("the first verdict", (answers / f"trial-{good}.json").exists)
    assert '"verdict": "accept"' in (answers / f"trial-{good}.json").read_text()
    (shared.volume.root / "candidate2").replace(shared.volume.root / "candidate")
    wait_for("the second verdict", (answers / f"trial-{bad}.json").exists)
    text = (answers / f"trial-{bad}.json").read_text()
    assert '"verdict": "refuse"' in text
    assert "nosuchprovider/z" in text
    assert SECRET not in text
    assert shared.chat() == "served"


def test_reload_needs_the_master_key(shared: Gateway) -> None:
    """A reload is for the holder of the master key alone."""
    assert shared.post("/llmrouter/config/reload", key="sk-wrong").status_code == 401
    assert shared.post("/llmrouter/config/reload", key="").status_code == 401


def test_reload_answers_with_the_outcome(shared: Gateway) -> None:
    """A reload brings up fresh workers and tells which revision they serve, or why they were refused."""
    digest = shared.volume.put(config_with("reloaded"))
    shared.wait_serving(digest)
    before = shared.workers()
    response = shared.post("/llmrouter/config/reload")
    assert response.status_code == 200
    assert (response.json()["result"], response.json()["digest"]) == ("ack", digest)
    assert not set(before) & set(shared.workers())
    bad = shared.volume.put("model_list: [\n")
    shared.wait_refused(bad)
    response = shared.post("/llmrouter/config/reload")
    assert response.status_code == 422
    assert (response.json()["result"], response.json()["digest"]) == ("nack", bad)


def test_a_reload_with_a_body_that_cannot_be_read_is_refused(shared: Gateway) -> None:
    """The key comes first; with it, a body that is not JSON, or nests too deep to be read, is 400."""
    for body in (b"[" * 60_000, b"{"):
        for key, code in ((MASTER_KEY, 400), ("", 401)):
            with shared.client(key=key) as client:
                assert client.post("/llmrouter/config/reload", content=body).status_code == code


def test_health_answers_head(shared: Gateway) -> None:
    """A probe that asks with HEAD gets the status of GET and no body."""
    with shared.client(key="") as client:
        for path in ("/health/live", "/health/ready"):
            response = client.head(path)
            assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("text", "desired"),
    [
        ('{"enabled": true, "running": true, "desired": {"number": 77}, "refused": null}', {"number": 77}),
        ('{"enabled": true, "desired": {"number": 77}, "refused": "x"}', {"number": 77}),
        ("[" * 100_000, None),
    ],
    ids=["whole", "refused is a text", "nests too deep"],
)
def test_without_syncd_its_last_status_is_shown(shared: Gateway, text: str, desired: dict[str, int] | None) -> None:
    """With syncd down the status says so and shows what syncd last wrote, whatever became of that."""
    path = shared.volume.root / "status.json"
    path.write_text(text)
    status = shared.status()
    assert status["running"] is False
    assert status.get("desired") == desired
    assert status["serving"]["number"] == shared.get("/health/ready").json()["revision"]
    path.unlink()
    assert shared.status()["running"] is False


def test_a_hangup_reloads(shared: Gateway) -> None:
    """SIGHUP brings up fresh workers on the revision that `current` points to."""
    shared.wait_serving(shared.volume.put(config_with("before the hangup")))
    before = shared.workers()
    shared.process.process.send_signal(signal.SIGHUP)
    wait_for("fresh workers", lambda: len(shared.workers()) == 2 and not set(before) & set(shared.workers()))
    assert shared.get("/health/ready").status_code == httpx.codes.OK


def test_no_secret_in_what_the_gateway_says(shared: Gateway) -> None:
    """Invariant 10: neither the log, nor the status, nor the answer holds a key, or a long piece of one."""
    credentials = f"credential_list: [{{credential_name: c, credential_values: {LONG_SECRET}}}]\n"
    reason = shared.wait_refused(shared.volume.put(config_with("x", extra=credentials)))
    assert "credential_values" in reason
    spoken = shared.process.text() + str(shared.status()) + str(shared.volume.answer())
    assert MASTER_KEY not in spoken
    assert SECRET not in spoken
    assert not any(LONG_SECRET[at : at + PIECE] in spoken for at in range(len(LONG_SECRET) - PIECE + 1))
