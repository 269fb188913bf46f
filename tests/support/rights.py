"""Roles with few rights, and the statements that a message says they lack."""

from pathlib import Path

OWN_ALL = """DO $$ DECLARE t record; BEGIN
FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('ALTER TABLE public.%I OWNER TO {role}', t.relname); END LOOP; END $$;
GRANT CREATE ON SCHEMA public TO {role};"""
MAY_CREATE = 'GRANT CREATE ON DATABASE "{database}" TO {role};'


def statements_of(text: str) -> list[str]:
    """Return the statements that an answer or a message lists, each on a line of its own."""
    return [line.strip() for line in text.splitlines() if line.startswith("  ") and line.endswith(";")]


def extra_folder(tmp_path: Path, script: str) -> dict[str, str]:
    """Lay a migration of the operator's own; return the setting that names it."""
    folder = tmp_path / "migrations" / "20990101000000_extra"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(script)
    return {"LITELLM_MIGRATION_DIR": str(tmp_path)}
