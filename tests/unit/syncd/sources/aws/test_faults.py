"""The sentences for faults between syncd and S3: each cause has its own, and none quotes what a server sent."""

import ssl

import pytest
from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from routeiq_syncd.sources.aws.faults import Place, explain, origin, way_failed

PLACE = Place("configs", "a.yaml", "https://s3.example")
SECRET = "AKIASECRET"


def answered(code: str, status: int, message: str = "", operation: str = "GetObject") -> ClientError:
    """Return what botocore raises for an answer."""
    fields = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(fields, operation)  # type: ignore[arg-type]  # what botocore reads of it


CAUSES = [
    (answered("NoSuchBucket", 404), "The bucket 'configs' does not exist", "S3_BUCKET_NAME"),
    (answered("NoSuchKey", 404), "The object 'a.yaml' does not exist", "S3_CONFIG_KEY"),
    (answered("AccessDenied", 403), "is denied", "s3:GetObject"),
    (answered("AccessDenied", 403, f"{SECRET} is not authorized to perform: kms:Decrypt"), "KMS", "kms:Decrypt"),
    (answered("KMS.DisabledException", 400), "KMS", "kms:Decrypt"),
    (answered("ExpiredToken", 400), "were not accepted", "renew"),
    (answered("RequestTimeTooSkewed", 403), "clock", "set the clock"),
    (answered("SlowDown", 503), "fewer requests", "tried again"),
    (answered("NoSuchVersion", 404), "is gone", "overwritten"),
    (answered(f"<{SECRET} {'x' * 99}>", 418), "the server answered 418", ""),
    (answered("AccessDenied", 403, operation="AssumeRole"), "STS refused AssumeRole", "AWS_ROLE_ARN"),
    (answered("InvalidIdentityToken", 400, operation="AssumeRoleWithWebIdentity"), "STS refused", "token"),
    (
        answered("UnauthorizedException", 401, operation="GetRoleCredentials"),
        "GetRoleCredentials was refused",
        "log in",
    ),
    (aws.NoCredentialsError(), "no complete AWS credentials", "give some"),
    (aws.CredentialRetrievalError(provider="process", error_msg=SECRET), "could not be fetched", "failed"),
    (aws.ProfileNotFound(profile=SECRET), "files of AWS settings", "AWS_PROFILE"),
    (aws.UnauthorizedSSOTokenError(), "log-in", "log in again"),
    (aws.ParamValidationError(report=SECRET), "not a name that S3 takes", "S3_BUCKET_NAME"),
    (aws.FlexibleChecksumError(error_msg=SECRET), "damaged", "tried again"),
    (ResponseParserError(SECRET), "is not S3", "AWS_ENDPOINT_URL_S3"),
    (aws.SSLError(endpoint_url=f"https://s3.example/{SECRET}", error=ssl.SSLError()), "certificate", "AWS_CA_BUNDLE"),
    (aws.EndpointConnectionError(endpoint_url="https://s3.example/a"), "cannot be reached at the endpoint", "tried"),
    (aws.ReadTimeoutError(endpoint_url="https://sts.example/"), "https://sts.example, which gives them", "No cred"),
    (FileNotFoundError(2, "No such file or directory", "/run/token"), "'/run/token'", "mount it"),
    (aws.HTTPClientError(error=f"Invalid header value b'{SECRET}'"), "no HTTP header can carry", "without"),
    (ValueError(f"Invalid endpoint: {SECRET}"), "settings of AWS cannot work", "AWS_ENDPOINT_URL_S3"),
    (KeyError(SECRET), "cannot be reached at the endpoint https://s3.example (KeyError)", "tried again"),
]


@pytest.mark.parametrize(("error", "what", "advice"), CAUSES, ids=lambda value: str(value)[:40])
def test_each_cause_has_its_sentence(error: Exception, what: str, advice: str) -> None:
    """The sentence says what failed and what to do, and quotes neither the error's text nor an answer's."""
    sentence = explain(error, PLACE)
    assert what in sentence
    assert advice in sentence
    assert sentence.endswith(".")
    assert f"{SECRET}" not in sentence.replace(f"418 {SECRET}", "")


@pytest.mark.parametrize(("error", "fails"), [(answered("x", 404), True), (answered("x", 403), False)])
def test_only_what_credentials_can_cause_makes_a_new_client(error: Exception, *, fails: bool) -> None:
    """A client is made anew, which takes time and memory, where other credentials could change the outcome."""
    assert way_failed(error) == fails


def test_an_origin_is_shown_without_user_and_path() -> None:
    """A user and a signature in an endpoint's URL are secrets."""
    assert origin("https://user:secret@s3.example:8443/path?sig=secret") == "https://s3.example:8443"
    assert origin("http://[::1") == "?"
