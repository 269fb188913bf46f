"""Where the scripts are: LiteLLM's package of data, an operator's folder, and our own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from routeiq_migrate.errors import RefusedError, SettingsError
from routeiq_migrate.plan.migration import Ledgers, Migration
from routeiq_migrate.plan.needs import Need, needs_of_plan
from routeiq_migrate.plan.plan import Apply, Plan, Refusal, make_plan

EXTRAS = "litellm-proxy-extras"


@dataclass(frozen=True)
class Scripts:
    """LiteLLM's migrations, with those an operator added, and ours; each in order."""

    shipped: tuple[Migration, ...]
    own: tuple[Migration, ...]

    def plan(self, ledgers: Ledgers) -> Plan | Refusal:
        """Return what the database of ``ledgers`` lacks, or why only a person can say that."""
        return make_plan(self.shipped, self.own, ledgers)

    def plan_or_refuse(self, ledgers: Ledgers) -> Plan:
        """Return what the database of ``ledgers`` lacks, for a command that cannot go on without.

        Raises:
            RefusedError: only a person can say what it lacks.
        """
        plan = self.plan(ledgers)
        if isinstance(plan, Refusal):
            raise RefusedError(plan.reason)
        return plan

    def named(self, name: str) -> Migration:
        """Return LiteLLM's or an operator's migration of that name.

        Raises:
            SettingsError: there is none; names the one that was perhaps meant.
        """
        names = {migration.name: migration for migration in self.shipped}
        if name in names:
            return names[name]
        close = get_close_matches(name, names, n=1)
        meant = f"Did you mean {close[0]!r}?" if close else "Give one of them in full."
        first, last = self.shipped[0].name, self.shipped[-1].name
        raise SettingsError(f"No migration is named {name!r}; the names go from {first!r} to {last!r}. {meant}")

    def needs(self) -> frozenset[Need]:
        """Return the rights that running every script needs, for a plan that cannot be made."""
        everything = Plan(tuple(Apply(migration) for migration in self.shipped), self.own)
        return needs_of_plan(everything, Ledgers((), (), tables=1))


def extras_folder() -> Path:
    """Return the folder of ``litellm_proxy_extras``, found without running any of it.

    Raises:
        SettingsError: it is not installed, or not the release that the installed LiteLLM asks for.
    """
    spec = find_spec("litellm_proxy_extras")
    if spec is None or spec.origin is None:
        raise SettingsError(f"The package {EXTRAS}, which holds LiteLLM's migrations, is not installed. Install it.")
    check_release()
    return Path(spec.origin).parent


def check_release() -> None:
    """Compare the extras with what the installed LiteLLM asks for; without LiteLLM there is nothing to compare.

    Raises:
        SettingsError: they differ, so the schema would not fit the code.
    """
    try:
        wanted = requires("litellm") or []
    except PackageNotFoundError:
        return
    installed = version(EXTRAS)
    for requirement in wanted:
        match = re.match(r"litellm[-_.]proxy[-_.]extras\s*\(?==\s*([^\s;,)]+)", requirement, re.IGNORECASE)
        if match is not None and match[1] != installed:
            raise SettingsError(
                f"litellm {version('litellm')} asks for {EXTRAS} {match[1]}, but {installed} is installed, so its "
                "migrations belong to another release. Install the two that belong together."
            )


def shipped_migrations(package: Path, extra: Path | None) -> tuple[Migration, ...]:
    """Return LiteLLM's migrations in the order they apply, with those an operator added in ``extra``.

    Args:
        package: the folder of ``litellm_proxy_extras``.
        extra: LiteLLM's ``LITELLM_MIGRATION_DIR``. LiteLLM copies its own migrations over that folder and runs what
            is there then; reading both, the package's first, comes to the same and writes nothing.

    Raises:
        RefusedError: a folder without a script (Prisma's P3015), a script that is not UTF-8, another kind of
            database (P3019), or no migration at all.
    """
    check_provider(package / "migrations" / "migration_lock.toml")
    found = {name: Migration(name, script) for name, script in read_folder(package / "migrations")}
    if not found:
        raise RefusedError(f"The installed {EXTRAS} holds no migration. Install it anew.")
    if extra is not None and (extra / "migrations").is_dir():
        for name, script in read_folder(extra / "migrations"):
            found.setdefault(name, Migration(name, script, shipped=False))
    return tuple(found[name] for name in sorted(found, key=str.encode))


def check_provider(lock: Path) -> None:
    """Refuse migrations that are not PostgreSQL's.

    Raises:
        RefusedError: it cannot go on; the message says why and what to do.
    """
    import tomllib  # noqa: PLC0415 - only this file is TOML

    provider = tomllib.loads(lock.read_text()).get("provider") if lock.exists() else "postgresql"
    if provider != "postgresql":
        raise RefusedError(f"{lock.name} names the provider {provider!r}; expected 'postgresql' (Prisma's P3019).")


def read_folder(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and script of every migration in ``folder``.

    Raises:
        RefusedError: it cannot go on; the message says why and what to do.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.is_dir():
            continue
        try:
            # newline="": the checksum is that of the file as it is.
            with (path / "migration.sql").open(encoding="utf-8", newline="") as script:
                yield path.name, script.read()
        except FileNotFoundError:
            raise RefusedError(
                f"The migration folder {path.name!r} holds no migration.sql (Prisma's P3015). Restore the file or "
                "remove the folder."
            ) from None
        except UnicodeDecodeError:
            raise RefusedError(f"The script of migration {path.name!r} is not UTF-8 text. Convert it.") from None


def own_migrations() -> tuple[Migration, ...]:
    """Return the migrations of schema ``routeiq``, in order."""
    folder = Path(__file__).parent / "sql"
    return tuple(Migration(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql")))
