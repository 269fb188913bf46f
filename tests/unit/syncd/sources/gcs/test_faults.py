"""The sentences for faults between syncd and Google Cloud Storage: one a cause, and none quotes an answer."""

import ssl
from typing import Any

import pytest
import urllib3.exceptions as http
from google.auth import exceptions as auth

from routeiq_syncd.sources.gcs.faults import Place, explain_answer, explain_error

PLACE = Place("configs", "a.yaml", "https://storage.googleapis.com")
SECRET = "ya29.SECRET"
ANSWERS = [
    (404, "No such object: configs/a.yaml", "The object 'a.yaml' does not exist", "CONFIG_GCS_KEY"),
    (404, "The specified bucket does not exist.", "The bucket 'configs' does not exist", "CONFIG_GCS_BUCKET"),
    (403, "x does not have storage.objects.get access", "is denied", "roles/storage.objectViewer"),
    (403, "Permission denied on Cloud KMS key", "encrypted with a key", "cryptoKeyEncrypterDecrypter"),
    (403, "The billing account is disabled", "billing", "mend"),
    (400, "Bucket is a requester pays bucket", "lets the requester pay", "use one that does not"),
    (403, "rateLimitExceeded", "fewer requests", "tried again"),
    (429, "", "fewer requests", "tried again"),
    (503, "", "fewer requests", "tried again"),
    (401, "Invalid Credentials", "were not accepted", "renew"),
    (400, "Invalid bucket name", "not a name that the store takes", "CONFIG_GCS_BUCKET"),
    (412, "", "is gone", "overwritten"),
    (302, "", "not Google Cloud Storage", "proxy"),
    (500, "", "the server answered 500", "tried again"),
    (418, "", "the server answered 418", ""),
]
AUTH: Any = auth  # its errors have no types
ERRORS = [
    (AUTH.DefaultCredentialsError(SECRET), "no usable credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
    (AUTH.MalformedError(SECRET), "no usable credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
    (AUTH.ReauthFailError(SECRET), "log-in", "log in again"),
    (AUTH.RefreshError(SECRET, {"error": SECRET}), "refused", "service account"),
    (AUTH.TransportError(SECRET), "cannot be reached", "tried again"),
    (http.SSLError(ssl.SSLError(SECRET)), "certificate", "SSL_CERT_FILE"),
    (http.IncompleteRead(1, 2), "cut short", "tried again"),
    (http.ProxyError(SECRET, OSError(SECRET)), "proxy", "HTTPS_PROXY"),
    (http.LocationParseError(SECRET), "cannot work", "STORAGE_EMULATOR_HOST"),
    (ValueError(f"Invalid header value b'{SECRET}'"), "no HTTP header can carry", "without"),
    (http.ProtocolError(SECRET), "cannot be reached at the endpoint", "tried again"),
    (KeyError(SECRET), "cannot be reached at the endpoint", "tried again"),
]


@pytest.mark.parametrize(("status", "body", "what", "advice"), ANSWERS)
def test_each_answer_has_its_sentence(status: int, body: str, what: str, advice: str) -> None:
    """The sentence says what failed and what to do, and quotes nothing of the answer."""
    sentence = explain_answer(status, f"{body} {SECRET}".encode(), PLACE)
    assert what in sentence
    assert advice in sentence
    assert sentence.endswith(".")
    assert SECRET not in sentence


@pytest.mark.parametrize(("error", "what", "advice"), ERRORS, ids=lambda value: str(value)[:40])
def test_each_error_has_its_sentence(error: Exception, what: str, advice: str) -> None:
    """By itself and as urllib3 wraps it after its last try."""
    for each in (error, http.MaxRetryError(None, "/", error)):  # type: ignore[arg-type]  # of no pool
        sentence = explain_error(each, PLACE)
        assert what in sentence
        assert advice in sentence
        assert SECRET not in sentence
