"""What the database holds of a refusal shows no secret."""

from tests.support.fleet import Fleet
from tests.support.secret_places import secret_places
from tests.support.waiting import wait_for

REFUSED = "SELECT refused FROM routeiq.replica"
PLACES = [
    place
    for place in secret_places()
    if place.name in {"a tag: key", "a key twice: key", "model: key", "an unclosed list: key", "a section, a text: key"}
]


def test_rows_of_refusals_show_no_secret(replicas: Fleet) -> None:
    """A replica's row says why a bundle is refused, with its line, and quotes nothing of it."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    told = 0
    for place in PLACES:
        replicas.s3.put(replicas.bucket, place.config)
        answer = replicas.syncds[0].command("POST", "/poll")[1]
        if answer.get("refused"):
            told += 1
            digest = answer["refused"]["digest"]
            wait_for("the row", lambda digest=digest: digest in replicas.sql(REFUSED))  # type: ignore[misc]  # mypy infers no lambda default
        rows = replicas.sql("SELECT row_to_json(r)::text FROM routeiq.replica r")
        assert [row for row in rows if place.shown_in(row)] == []
        assert not answer.get("refused") or any("config.yaml:" in row for row in rows)
    assert told >= 4
