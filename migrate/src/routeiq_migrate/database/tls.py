"""What a session encrypts with and whom it trusts."""

import ssl

from routeiq_migrate.database.url import Encryption, Target
from routeiq_migrate.errors import UnreachableError


def tls_context(target: Target) -> ssl.SSLContext | None:
    """Build what the session encrypts with; None without encryption.

    Raises:
        UnreachableError: a certificate or key cannot be read.
    """
    tls = target.tls
    if tls.encryption is Encryption.OFF:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.verify_host
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify_chain else ssl.CERT_NONE
    try:
        if tls.verify_chain:
            if tls.authority is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(cafile=tls.authority)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password=tls.key_password or "")
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        paths = ", ".join(path for path in (tls.authority, tls.certificate, tls.key) if path)
        raise UnreachableError(
            f"A certificate or key of the database URL cannot be used ({reason}); it names {paths}. Mount the files "
            "readable for this user, PEM encoded, and check the pass phrase."
        ) from None
    return context
