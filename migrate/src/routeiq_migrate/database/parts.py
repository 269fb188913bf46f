"""A database's URL from its parts, for those who set LiteLLM's ``DATABASE_HOST`` and its companions instead."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

HOST = "DATABASE_HOST"


def url_of_parts(environment: Mapping[str, str]) -> str:
    """Return the URL that LiteLLM puts together from the same variables; empty where it would put none together."""
    host, name = environment.get(HOST), environment.get("DATABASE_NAME")
    user = environment.get("DATABASE_USERNAME") or environment.get("DATABASE_USER")
    password, port = environment.get("DATABASE_PASSWORD"), environment.get("DATABASE_PORT")
    authority = environment.get("DATABASE_SSLROOTCERT")
    parameters = {
        "schema": environment.get("DATABASE_SCHEMA"),
        "sslmode": environment.get("DATABASE_SSLMODE") or ("verify-full" if authority else None),
        "sslrootcert": authority,
    }
    if not (host and user and name):
        return ""
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    query = urlencode({key: value for key, value in parameters.items() if value})
    address = f"{host}:{port}" if port else host
    return f"postgresql://{login}@{address}/{quote(name, safe='')}" + (f"?{query}" if query else "")
