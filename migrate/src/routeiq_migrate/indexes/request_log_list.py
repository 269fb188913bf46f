"""The indexes that LiteLLM declares in its schema and leaves out of its migrations.

The list and the naming of a partition's index are those of ``litellm_proxy_extras/request_log_indexes.py``; a test
compares them with the installed package.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

IDENTIFIER_BYTES: Final = 63
DIGEST_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class RequestLogIndex:
    """A plain btree index of ``table`` over ``columns``."""

    table: str
    name: str
    columns: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The list of columns as SQL."""
        return "(" + ", ".join(f'"{column}"' for column in self.columns) + ")"

    def for_partition(self, partition: str) -> str:
        """Return the name of one partition's index, as PostgreSQL would name it, within its limit of 63 bytes."""
        name = f"{partition}_{self.name.removeprefix(f'{self.table}_')}"
        if len(name.encode()) <= IDENTIFIER_BYTES:
            return name
        digest = sha256(name.encode()).hexdigest()[:DIGEST_LENGTH]
        kept = name.encode()[: IDENTIFIER_BYTES - DIGEST_LENGTH - 1].decode(errors="ignore")
        return f"{kept}_{digest}"


REQUEST_LOG_INDEXES: Final = (
    RequestLogIndex("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_api_key_startTime_idx", ("api_key", "startTime")),
    RequestLogIndex("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_litellm_call_id_idx", ("litellm_call_id",)),
)
