"""Sentences for whatever goes wrong between syncd and S3, by cause: what failed, where, and what to do.

The texts of errors can quote URLs, headers and credentials, so a sentence takes from an error its class, its code and
the host that was asked, and nothing else. An error that no row knows is told by the name of its class.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

NOT_ACCEPTED = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
}
DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"}
CREDENTIALS_CAN_CAUSE = {400, 401, 403}
"""HTTP statuses by which S3 and STS answer to credentials that are wrong, ended or not allowed."""
OF_THE_STORE = ("GetObject", "ListObjectsV2")
TAKE_A_ROLE = ("AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")

ROWS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (aws.NoCredentialsError, aws.PartialCredentialsError),
        "There are no complete AWS credentials to read {location}; give some, as for any AWS client.",
    ),
    (
        (aws.CredentialRetrievalError, aws.MetadataRetrievalError),
        (
            "The credentials for {location} could not be fetched from where the settings of AWS say ({kind}); the "
            "endpoint or program that gives them failed. It is tried again."
        ),
    ),
    (
        (aws.ProfileNotFound, aws.ConfigParseError, aws.ConfigNotFound),
        (
            "The files of AWS settings do not give what is asked of them ({kind}); mend AWS_PROFILE, AWS_CONFIG_FILE, "
            "AWS_SHARED_CREDENTIALS_FILE or what stands in these files."
        ),
    ),
    (
        (aws.SSOError, aws.LoginError, aws.TokenRetrievalError),
        "The log-in that the credentials for {location} come from has ended ({kind}); log in again.",
    ),
    (
        (aws.ParamValidationError,),
        "{location} is not a name that S3 takes; mend S3_BUCKET_NAME or S3_CONFIG_KEY.",
    ),
    (
        (aws.FlexibleChecksumError, aws.ChecksumError, aws.IncompleteReadError),
        "{location} arrived damaged or cut short ({kind}); it is tried again.",
    ),
    (
        (ResponseParserError,),
        "What answers at {endpoint} is not S3; mend AWS_ENDPOINT_URL_S3, or the proxy before it.",
    ),
    (
        (aws.SSLError,),
        (
            "The certificate of {host} does not verify, or its TLS broke off; give the authority with AWS_CA_BUNDLE, "
            "or mend the endpoint."
        ),
    ),
    (
        (ValueError, aws.ValidationError, aws.InvalidEndpointConfigurationError),
        (
            "The settings of AWS cannot work ({kind}); mend AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION and "
            "their kin."
        ),
    ),
)
"""Faults of the connection, of credentials and of settings: the first row whose class fits tells the error."""


@dataclass(frozen=True)
class Place:
    """Where an object is read from: its bucket, its key, and the endpoint's URL without path and user."""

    bucket: str
    key: str
    endpoint: str

    @property
    def location(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


def explain(error: Exception, place: Place) -> str:
    """Return the sentence for ``error``, which botocore or what stands below it raised."""
    if isinstance(error, ClientError):
        if error.operation_name in OF_THE_STORE:
            return _refused(error, place)
        return _credentials_refused(error, place)
    return _failed(error, place)


def way_failed(error: Exception) -> bool:
    """Whether the way to the store or the store itself failed, so that other credentials would change nothing."""
    if isinstance(error, ClientError):
        status = _code(error)[1]
        return isinstance(status, int) and status not in CREDENTIALS_CAN_CAUSE
    return isinstance(error, aws.ConnectionError | aws.HTTPClientError | aws.IncompleteReadError | ResponseParserError)


def _code(error: ClientError) -> tuple[str, int | None]:
    """Return the code of an answer, cut to printable characters, and its HTTP status."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return "".join(each for each in str(code)[:80] if each.isalnum() or each in "._-"), status


def _refused(error: ClientError, place: Place) -> str:
    (code, status), where, location = _code(error), f"(endpoint {place.endpoint})", place.location
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code.startswith("KMS") or (code in DENIED and "kms:" in message.lower()):
        return (
            f"{location} is encrypted with a key of KMS that the credentials may not use {where}: {code}; allow them "
            "kms:Decrypt on that key."
        )
    if code == "NoSuchBucket":
        return f"The bucket '{place.bucket}' does not exist {where}; create it, or mend S3_BUCKET_NAME."
    if code in {"NoSuchKey", "404", "NotFound"}:
        return (
            f"The object '{place.key}' does not exist in the bucket '{place.bucket}' {where}; upload it, or mend "
            "S3_CONFIG_KEY."
        )
    if code in {"PreconditionFailed", "412", "NoSuchVersion"}:
        return f"This version of {location} is gone {where}: the object was overwritten, or it expired."
    if code in DENIED and error.operation_name == "ListObjectsV2":
        return f"Listing {location} is denied {where}; the credentials need s3:ListBucket on the bucket."
    if code in DENIED:
        return (
            f"Access to {location} is denied {where}; the credentials need s3:GetObject on it, s3:GetObjectVersion "
            "where the bucket keeps versions, and s3:ListBucket to tell a missing object from a forbidden one."
        )
    if code in NOT_ACCEPTED:
        return f"The credentials for {location} were not accepted {where}: {code}; mend or renew them."
    if code in {"RequestTimeTooSkewed", "RequestExpired"}:
        return f"The store {where} finds the clock of this machine wrong ({code}); set the clock."
    if code in {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"} or status in {429, 503}:
        return f"The store {where} asks for fewer requests for {location} ({status} {code}); it is tried again."
    return f"Reading {location} failed {where}: the server answered {status} {code}."


def _credentials_refused(error: ClientError, place: Place) -> str:
    """Tell the refusal of a service that gives credentials: the object was not asked for at all."""
    (code, status), operation = _code(error), error.operation_name
    if operation in TAKE_A_ROLE:
        return (
            f"No credentials for {place.location}: STS refused {operation} ({status} {code}); mend AWS_ROLE_ARN, the "
            "role's trust policy, or the token or credentials that the role is taken with."
        )
    return (
        f"No credentials for {place.location}: {operation} was refused ({status} {code}); mend the profile that the "
        "credentials come from, or log in again."
    )


def _failed(error: Exception, place: Place) -> str:
    kind, host = type(error).__name__, _host(error)
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) and error.filename:
        return (
            f"The file '{error.filename}', which the settings of AWS name, cannot be read: {error.strerror}; mount it, "
            "or mend the setting."
        )
    if isinstance(error, ValueError | aws.HTTPClientError) and _header_broken(error):
        return (
            f"A credential for {place.location} has a character that no HTTP header can carry, a line break for "
            "instance; give it without."
        )
    for classes, sentence in ROWS:
        if isinstance(error, classes):
            return sentence.format(
                location=place.location, endpoint=place.endpoint, host=host or place.endpoint, kind=kind
            )
    if host is not None and host != place.endpoint:
        return f"No credentials for {place.location}: {host}, which gives them, cannot be reached ({kind})."
    return f"{place.location} cannot be reached at the endpoint {place.endpoint} ({kind}); it is tried again."


def _host(error: Exception) -> str | None:
    """Return scheme, host and port of the URL that an error of the connection names."""
    fields = getattr(error, "kwargs", None)
    url = fields.get("endpoint_url") if isinstance(fields, dict) else None
    return origin(url) if isinstance(url, str) else None


def _header_broken(error: Exception) -> bool:
    """Whether http.client refused the value of a header; the text of the error is looked at and never shown."""
    return "invalid header" in str(error).lower()


def origin(url: str) -> str:
    """Return scheme, host and port of ``url``, without user, path and query; ``?`` for what is no URL."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "?"
