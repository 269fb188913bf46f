"""A migration on disk, and what a database says of those that were applied to it.

The ledger is Prisma's table ``_prisma_migrations``. A row is *applied* when it is finished, *rolled back* when an
operator or a resolver said so, and *failed* otherwise.
"""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Migration:
    """A script with a name that orders it; ``shipped`` is false for a migration that an operator added."""

    name: str
    script: str
    shipped: bool = True

    @property
    def checksum(self) -> str:
        """Hex SHA-256 of the script as it stands on disk, as Prisma records it."""
        return sha256(self.script.encode()).hexdigest()

    def matches(self, checksum: str) -> bool:
        """Whether ``checksum`` (hex SHA-256) is this script's, whatever its line ends, as Prisma compares."""
        unix = self.script.replace("\r\n", "\n")
        variants = (self.script, unix, unix.replace("\n", "\r\n"))
        return any(sha256(text.encode()).hexdigest() == checksum for text in variants)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger; ``logs`` is empty for NULL."""

    id: str
    name: str
    checksum: str
    finished: bool
    rolled_back: bool
    steps: int
    logs: str

    @property
    def applied(self) -> bool:
        """Whether the row records a success that nobody took back."""
        return self.finished and not self.rolled_back

    @property
    def failed(self) -> bool:
        """Whether Prisma would stop at this row (P3009)."""
        return not self.finished and not self.rolled_back


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Both ledgers, and what surrounds them in the database.

    Attributes:
        rows: Prisma's ledger in the order it was written; None where there is no such ledger.
        own: name and checksum of each applied migration of ours; None where there is no such ledger.
        tables: how many ordinary tables LiteLLM's schema holds, ledger and PostGIS's catalogue aside.
        schema_exists: whether LiteLLM's schema is there.
        read_only: whether the session may not write, as on a standby.
    """

    rows: tuple[Row, ...] | None
    own: tuple[tuple[str, str], ...] | None
    tables: int
    schema_exists: bool = True
    read_only: bool = False

    @property
    def fresh(self) -> bool:
        """Whether the schema holds no table, so that nothing in it can be lost."""
        return self.tables == 0
