"""The client made of a part of botocore's data asks just what a client made of all of it asks."""

from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.session import Session

from routeiq_syncd.sources.aws.client import SERVICES, LeanFiles, Patience, connect_s3

REGIONS = ("us-east-1", "eu-central-1", "ap-south-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1")


class SentError(Exception):
    """What would go out; raised in its place."""


def asked(client: Any, **arguments: str) -> tuple[object, ...]:
    """What the client would send for GetObject: method, URL, headers without the instant and its signature."""

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        scope = str(headers.pop("authorization", "")).partition(", Signature=")[0]
        for name in ("x-amz-date", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request"):
            headers.pop(name, None)
        raise SentError(request.method, request.url, sorted(map(str, headers.items())), scope)

    client.meta.events.register("before-send.s3.GetObject", stop)
    with pytest.raises(SentError) as sent:
        client.get_object(**arguments)
    return sent.value.args


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("dualstack", ["false", "true"])
def test_every_region_is_asked_in_the_same_way(monkeypatch: pytest.MonkeyPatch, region: str, dualstack: str) -> None:
    """Address, signature's scope and headers agree, a region that is not in the list of endpoints included."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_USE_DUALSTACK_ENDPOINT": dualstack,
    }.items():
        monkeypatch.setenv(name, value)
    ours = connect_s3(Patience()).client
    theirs = Session().create_client("s3", region_name=region, config=Config(retries={"mode": "standard"}))
    question = {"Bucket": "bucket", "Key": "a/b c.yaml", "IfNoneMatch": '"etag"', "VersionId": "v1"}
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    sent = asked(ours, **question)
    assert sent == asked(theirs, **question)
    assert region in str(sent[-1])


def test_nothing_is_kept_of_what_nobody_uses() -> None:
    """The documentation of S3 is empty, and the list of endpoints holds the services that syncd asks."""
    client = connect_s3(Patience()).client
    model = client.meta.service_model
    assert {model.operation_model(name).documentation for name in model.operation_names} == {""}
    assert model.operation_model("GetObject").has_streaming_output
    endpoints: Any = LeanFiles().load_file(str(Path(botocore.__file__).parent / "data/endpoints"))
    assert {"s3", "sts"} <= set(endpoints["partitions"][0]["services"]) <= set(SERVICES)
    assert LeanFiles().load_file("/nowhere") is None
