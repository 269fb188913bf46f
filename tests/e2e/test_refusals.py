from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.gateway import config_with
from tests.support.s3 import Server
from tests.support.stack import Stack, from_s3, stack
from tests.support.waiting import wait_for

MODEL = "model_list:\n  - model_name: demo\n    litellm_params: {{model: {model}, api_key: {key}}}\n"


@dataclass
class Served:
    """A stack whose configuration is an object in a bucket."""

    running: Stack
    s3: Server
    bucket: str

    def status(self) -> dict[str, Any]:
        """Return syncd's own status."""
        document: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.running.syncd_port}/status").json()
        return document


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, s3: Server) -> Iterator[Served]:
    """A stack that serves a good configuration."""
    bucket = s3.bucket("refusals")
    s3.put(bucket, config_with("good"))
    with stack(tmp_path_factory.mktemp("stack"), from_s3(s3, bucket)) as running:
        running.gateway.wait_ready()
        yield Served(running, s3, bucket)


def says(document: dict[str, Any], named: str) -> bool:
    """Whether the status gives a reason or an error that names ``named``."""
    refused, error = document.get("refused") or {}, document.get("last_error") or {}
    return named in f"{refused.get('reason')} {error.get('message')}"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param("model_list: [\n", "config.yaml:2:", id="broken YAML"),
        pytest.param(MODEL.format(model="nosuchprovider/x", key="k"), "nosuchprovider/x", id="unknown provider"),
        pytest.param(MODEL.format(model="openai/x", key="os.environ/ABSENT_KEY"), "ABSENT_KEY", id="missing variable"),
        pytest.param("", "empty", id="empty object"),
        pytest.param("# " + "x" * 10_000_000, "bytes", id="10 MB object"),
    ],
)
def test_a_bad_object_is_refused_and_named(served: Served, body: str, named: str) -> None:
    """What is wrong is said in both statuses and in the log; the old configuration serves; the next good is taken."""
    served.s3.put(served.bucket, body)
    wait_for(f"syncd's status to name {named}", lambda: says(served.status(), named))
    wait_for(f"the gateway's status to name {named}", lambda: says(served.running.gateway.status(), named))
    served.running.wait_for_log(named)
    assert served.running.gateway.chat() == "good"
    assert served.running.gateway.ready()
    recover(served)


def test_a_deleted_object_is_named(served: Served) -> None:
    """A deleted object leaves the old configuration in place, and the status says which object is missing."""
    served.s3.client.delete_object(Bucket=served.bucket, Key="config.yaml")
    wait_for("the status to name the object", lambda: says(served.status(), "config.yaml"))
    served.running.wait_for_log(f"{served.bucket}")
    assert served.running.gateway.chat() == "good"
    recover(served)


def recover(served: Served) -> None:
    """Put a good configuration back and see it taken."""
    served.s3.put(served.bucket, config_with("recovered"))
    wait_for("the good configuration", lambda: served.running.gateway.chat() == "recovered")
    served.s3.put(served.bucket, config_with("good"))
    wait_for("the first configuration again", lambda: served.running.gateway.chat() == "good")
    status = served.running.gateway.status()
    assert status["refused"] is None
    assert status["last_error"] is None
