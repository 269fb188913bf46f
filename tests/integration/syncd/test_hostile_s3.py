"""A store that answers anything, and endpoints of credentials that do: each fetch has an outcome, and syncd goes on."""

import gc
import json
import os
import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.sources.aws.client import Patience
from routeiq_syncd.sources.aws.store import S3Store
from routeiq_syncd.sources.object import ObjectSource
from tests.support.hostile_answers import ANSWERS, GOOD
from tests.support.hostile_http import Answer, HostileServer, hostile_server, plain
from tests.support.syncd import Syncd, config

SECRET = "not-to-be-told"
SHORT = Patience(connect=1, read=0.2, body=0.5, attempts=1)
SEED = int(os.environ.get("ROUTEIQ_TEST_SEED", secrets.randbelow(2**32)))
CASES = settings(
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
PAGE = os.sysconf("SC_PAGE_SIZE")


def memory() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment with keys and nothing else of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
    return monkeypatch


def check(fetch: Fetch) -> None:
    """Assert that ``fetch`` is one of the four outcomes and tells no secret and no page of a server."""
    assert isinstance(fetch, Fetched | Unchanged | Unacceptable | Failed)
    if isinstance(fetch, Failed):
        assert SECRET not in fetch.message
        assert len(fetch.message) < 600
        assert fetch.message.isprintable()


@pytest.mark.timeout(400)
def test_whatever_a_store_answers_is_an_outcome_and_the_next_good_answer_is_taken(
    credentials: pytest.MonkeyPatch,
) -> None:
    """Of 2,000 answers, conditional and not, none raises, memory stays, and after each a good answer is taken."""
    print("seed", SEED)  # noqa: T201 - a failure is repeated with it
    good = plain(GOOD, 'ETag: "good"')
    answers = [good]
    with hostile_server(lambda _head: answers[-1]) as server:
        credentials.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        source = ObjectSource(S3Store("bucket", SHORT), "config.yaml", 200_000)
        assert isinstance(source.fetch(None), Fetched)
        gc.freeze()  # of this process alone: each new client is preceded by a collection
        before = memory()

        @seed(SEED)
        @settings(CASES, max_examples=2000)
        @given(ANSWERS, st.sampled_from((None, '"one"', "sha256:0")))
        def answered(answer: Answer, known: str | None) -> None:
            answers.append(answer)
            check(source.fetch(known))
            answers.append(good)
            taken = source.fetch(None)
            if isinstance(taken, Failed):  # a connection that the hostile answer left open broke: nothing was asked
                assert "ConnectionClosedError" in taken.message
                taken = source.fetch(None)
            assert isinstance(taken, Fetched), taken
            assert taken.bundle.files["config.yaml"] == GOOD
            del answers[:-1]

        answered()
        gc.unfreeze()
        assert memory() - before < 60 * 2**20


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["sts", "ecs", "imds"])
def test_whatever_an_endpoint_of_credentials_answers_is_an_outcome(
    credentials: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """STS with a web identity, a container's endpoint and an instance's: none raises, and the good answer is used."""
    print("seed", SEED)  # noqa: T201 - a failure is repeated with it
    answers: list[Answer] = []
    good = plain(GOOD, 'ETag: "good"')

    def respond(head: bytes) -> Answer:
        return good if head.startswith(b"GET /bucket/") else answers[-1]

    with hostile_server(respond) as server:
        hand_over_to(kind, server, credentials, tmp_path)

        @seed(SEED)
        @settings(CASES, max_examples={"sts": 60, "ecs": 4, "imds": 40}[kind])
        @given(ANSWERS)
        def answered(answer: Answer) -> None:
            answers.append(answer)
            source = ObjectSource(S3Store("bucket", SHORT), "config.yaml", 200_000)
            check(source.fetch(None))
            answers.append(good_credentials(kind))
            if kind != "imds":
                taken = source.fetch(None)
                assert isinstance(taken, Fetched), taken

        answered()


def hand_over_to(kind: str, server: HostileServer, credentials: pytest.MonkeyPatch, directory: Path) -> None:
    """Set the environment so that ``server`` is the store and gives the credentials."""
    credentials.delenv("AWS_ACCESS_KEY_ID")
    credentials.delenv("AWS_SECRET_ACCESS_KEY")
    credentials.setenv("AWS_ENDPOINT_URL", server.endpoint)
    if kind == "sts":
        token = directory / "token"
        token.write_text("a token")
        credentials.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
        credentials.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    elif kind == "ecs":
        credentials.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.endpoint}/credentials")
    else:
        credentials.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint)


def good_credentials(kind: str) -> Answer:
    """Return the answer that gives credentials (STS API, AssumeRoleWithWebIdentity; ECS, task metadata)."""
    if kind == "sts":
        return plain(
            b"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
            b"<AccessKeyId>key</AccessKeyId><SecretAccessKey>" + SECRET.encode() + b"</SecretAccessKey>"
            b"<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            b"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        )
    fields = {"AccessKeyId": "key", "SecretAccessKey": SECRET, "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    return plain(json.dumps(fields).encode())


def test_a_changed_file_of_credentials_is_used_at_the_next_fetch(
    credentials: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is replaced while its old key still works; a missing or broken file in between is an outcome."""
    heads: list[bytes] = []

    def respond(head: bytes) -> Answer:
        heads.append(head)
        return plain(GOOD)

    credentials.delenv("AWS_ACCESS_KEY_ID")
    credentials.delenv("AWS_SECRET_ACCESS_KEY")
    path = tmp_path / "credentials"
    credentials.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    credentials.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with hostile_server(respond) as server:
        credentials.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        source = ObjectSource(S3Store("bucket", SHORT), "config.yaml", 200_000)
        for text, key in [
            (None, None),
            ("[default]\naws_access_key_id=FIRST\naws_secret_access_key=x\n", b"FIRST"),
            ("[default]\naws_access_key_id=SECOND\naws_secret_access_key=x\n", b"SECOND"),
            ("\x00[[garbage", None),
            ("[default]\naws_access_key_id=HALF\n", None),
            ("[default]\naws_access_key_id=THIRD\naws_secret_access_key=a\n  b\n", None),
            ("[default]\naws_access_key_id=FOURTH\naws_secret_access_key=x\n", b"FOURTH"),
        ]:
            if text is not None:
                path.with_suffix(".new").write_text(text)
                path.with_suffix(".new").replace(path)
            fetch = source.fetch(None)
            check(fetch)
            if key is not None:
                assert isinstance(fetch, Fetched), fetch
                assert b"Credential=" + key in heads[-1]


def test_a_store_without_etag_and_length_is_read_once_a_change(syncd: Syncd) -> None:
    """The digest stands for the etag: the same bytes are no change, and other bytes are a revision."""
    body = [config("one").encode()]

    def respond(_head: bytes) -> Answer:
        return Answer((b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body[0],))

    with hostile_server(respond) as server:
        syncd.settings = {
            "CONFIG_SOURCE": "s3",
            "S3_BUCKET_NAME": "configs",
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        with syncd.run():
            syncd.wait_for_status("the first revision", desired__number=1)
            assert syncd.command("POST", "/poll")[1]["fetch"]["outcome"] == "unchanged"
            body[0] = config("two").encode()
            syncd.command("POST", "/poll")
            syncd.wait_for_status("the second revision", desired__number=2)
