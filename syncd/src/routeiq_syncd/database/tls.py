"""What a session encrypts with and whom it trusts."""

import ssl

from routeiq_syncd.database.url import Encryption, Target
from routeiq_syncd.errors import UnreachableError


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
    named = f"the authority {tls.authority} (sslrootcert, or Prisma's sslcert)"
    try:
        if tls.authority is not None:
            context.load_verify_locations(cafile=tls.authority)
        elif tls.verify_chain:
            context.load_default_certs()
        named = f"the certificate {tls.certificate} (sslcert) or its key {tls.key} (sslkey)"
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password=tls.key_password or "")
    except (OSError, ValueError) as error:  # ValueError: a pass phrase longer than OpenSSL takes
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UnreachableError(
            f"{target.setting} names what cannot be used: {named}: {reason}. Mount the file readable for this user, "
            "PEM encoded, and check the pass phrase (sslpassword)."
        ) from None
    return context
