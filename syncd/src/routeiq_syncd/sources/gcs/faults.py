"""Sentences for whatever goes wrong between syncd and Google Cloud Storage, by cause.

The texts of errors and answers can quote URLs, tokens and keys. A sentence takes from them a status, a class and what
words they hold, and nothing else.
"""

from dataclasses import dataclass

import urllib3.exceptions as http
from google.auth import exceptions as auth

SERVER_ERROR = 500
ANSWERS: tuple[tuple[frozenset[int], tuple[str, ...], str], ...] = (
    (
        frozenset({400, 403}),
        ("kms", "encryption key"),
        (
            "{location} is encrypted with a key that Cloud Storage may not use {where}; grant its service agent "
            "roles/cloudkms.cryptoKeyEncrypterDecrypter on that key, and see that the key is enabled."
        ),
    ),
    (
        frozenset({400, 403}),
        ("requester pays", "userproject"),
        "The bucket '{bucket}' lets the requester pay {where}, which is not supported; use one that does not.",
    ),
    (
        frozenset({403}),
        ("billing", "accountdisabled"),
        "The project of the bucket '{bucket}' has no working billing account {where}; mend it.",
    ),
    (
        frozenset({403, 429}),
        ("ratelimit", "rate limit", "quota"),
        "The store asks for fewer requests for {location} {where}; it is tried again.",
    ),
    (
        frozenset({404}),
        ("bucket does not exist", "bucket not found"),
        "The bucket '{bucket}' does not exist {where}; create it, or mend CONFIG_GCS_BUCKET.",
    ),
    (
        frozenset({404}),
        (),
        (
            "The object '{key}' does not exist in the bucket '{bucket}' {where}; upload it, or mend CONFIG_GCS_KEY and "
            "CONFIG_GCS_BUCKET."
        ),
    ),
    (frozenset({412}), (), "This version of {location} is gone {where}: the object was overwritten, or it expired."),
    (
        frozenset({400}),
        (),
        "{location} is not a name that the store takes {where}; mend CONFIG_GCS_BUCKET or CONFIG_GCS_KEY.",
    ),
    (frozenset({401}), (), "The credentials for {location} were not accepted {where}; mend or renew them."),
    (
        frozenset({403}),
        (),
        (
            "Access to {location} is denied {where}; the credentials need storage.objects.get on it, and "
            "storage.objects.list on the bucket (roles/storage.objectViewer has both)."
        ),
    ),
    (frozenset({429, 503}), (), "The store asks for fewer requests for {location} {where}; it is tried again."),
    (
        frozenset(range(300, 400)),
        (),
        "What answers is not Google Cloud Storage {where}; mend STORAGE_EMULATOR_HOST, or the proxy before it.",
    ),
)
"""Answers by status and by a word in them: the first row that fits tells the answer."""

ERRORS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (auth.DefaultCredentialsError,),
        (
            "There are no usable credentials of Google Cloud to read {location} ({kind}); set up workload identity, or "
            "name a readable file of credentials in GOOGLE_APPLICATION_CREDENTIALS."
        ),
    ),
    (
        (auth.ReauthFailError,),
        "The log-in that the credentials for {location} come from has ended ({kind}); log in again.",
    ),
    (
        (auth.RefreshError, auth.UserAccessTokenError, auth.OAuthError),
        (
            "No credentials for {location}: who gives them refused or could not be reached ({kind}); mend the service "
            "account, its key, or its binding of workload identity. It is tried again."
        ),
    ),
    (
        (auth.GoogleAuthError,),
        "No credentials for {location}: who gives them cannot be reached ({kind}); it is tried again.",
    ),
    (
        (http.SSLError,),
        (
            "The certificate of {endpoint} does not verify, or its TLS broke off; give the authority with "
            "SSL_CERT_FILE, or mend the endpoint."
        ),
    ),
    (
        (http.IncompleteRead, http.InvalidChunkLength),
        "{location} arrived damaged or cut short ({kind}); it is tried again.",
    ),
    (
        (http.ProxyError, http.ProxySchemeUnknown, http.ProxySchemeUnsupported),
        "The proxy before {endpoint} cannot be used ({kind}); mend HTTPS_PROXY, or name the host in NO_PROXY.",
    ),
    (
        (http.LocationParseError, ValueError),
        (
            "The settings or credentials for {location} cannot work ({kind}); mend STORAGE_EMULATOR_HOST, HTTPS_PROXY "
            "and the file of credentials."
        ),
    ),
)
"""Errors on the way and of credentials: the first row whose class fits tells the error."""


@dataclass(frozen=True)
class Place:
    """Where an object is read from: its bucket, its key, and the endpoint's URL without path."""

    bucket: str
    key: str
    endpoint: str

    @property
    def fields(self) -> dict[str, str]:
        """What sentences name."""
        where = f"(endpoint {self.endpoint})"
        return {**vars(self), "location": f"gs://{self.bucket}/{self.key}", "where": where}


def explain_answer(status: int, body: bytes, place: Place) -> str:
    """Return the sentence for an answer that has no object; ``body`` is its text, as far as it was read."""
    text = body.decode("utf-8", "replace").lower()
    for statuses, words, sentence in ANSWERS:
        if status in statuses and (not words or any(word in text for word in words)):
            return sentence.format(**place.fields)
    again = "; it is tried again" if status >= SERVER_ERROR else ""
    fields = place.fields
    return f"Reading {fields['location']} failed {fields['where']}: the server answered {status}{again}."


def explain_error(error: Exception, place: Place) -> str:
    """Return the sentence for ``error``, which google-auth, urllib3 or what stands below them raised."""
    cause = getattr(error, "reason", None)
    told = cause if isinstance(error, http.MaxRetryError) and isinstance(cause, Exception) else error
    kind = type(told).__name__
    if isinstance(told, ValueError) and not isinstance(told, auth.GoogleAuthError) and "header" in str(told).lower():
        return (
            f"A credential for {place.fields['location']} has a character that no HTTP header can carry, a line break "
            "for instance; give it without."
        )
    for classes, sentence in ERRORS:
        if isinstance(told, classes):
            return sentence.format(**place.fields, kind=kind)
    return f"{place.fields['location']} cannot be reached at the endpoint {place.endpoint} ({kind}); it is tried again."
