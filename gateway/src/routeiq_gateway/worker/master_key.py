"""Whether a call carries the master key."""

import re
import secrets
from collections.abc import Sequence

from routeiq_gateway.worker.replies import Call, Reply, error_body

BEARER = re.compile("bearer +", re.IGNORECASE)


def check_master_key(key: str | None, headers: Sequence[str], call: Call) -> Reply | None:
    """Return None where ``call`` carries the master key as bearer token (RFC 6750), else the reply that refuses it.

    ``headers`` are the names of those that carry a key, in lower case; the first that was sent counts. The name of its
    scheme is of either case (RFC 9110, 11.1).
    """
    if not key:
        return Reply(
            403,
            error_body(
                "this route needs a master key: set LITELLM_MASTER_KEY and use it as bearer token; a configuration's"
                " own master_key counts once the configuration is served"
            ),
        )
    sent = next((call.headers[name] for name in headers if name in call.headers), "")
    given = BEARER.sub("", sent).encode()
    if not secrets.compare_digest(given, key.encode()):
        return Reply(401, error_body(f"wrong or missing master key; send it as '{headers[0].title()}: Bearer <key>'"))
    return None
