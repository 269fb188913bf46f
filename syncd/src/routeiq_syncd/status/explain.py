"""Why a replica is not the holder, and why a revision is not served: the status document, in sentences."""

from collections.abc import Mapping

from routeiq_syncd.revision.plan import Barred, Behind
from routeiq_syncd.status.document import Json

SERVER_UNKNOWN = (
    "A failover is then noticed only where a replica has what the database lost. Grant EXECUTE on pg_control_system() "
    "to the user that syncd connects as, and USAGE on the schema routeiq."
)


def barred_text(barred: Barred, place: str, setting: str) -> str | None:
    """Say why nothing can be written, and what to do; None where something can."""
    effect = "What it has published is followed; nothing is published and no lease taken through it."
    match barred:
        case "standby":
            return f"{place} is a standby. {effect} Let {setting} name the primary, or promote this server."
        case "read-only":
            return (
                f"{place} is read-only: default_transaction_read_only is on. {effect} Turn it off for the server, the "
                f"database and the role, or let {setting} name a server that can be written."
            )
        case _:
            return None


def behind_text(behind: Behind, barred: Barred, *, strange: bool = False) -> str:
    """Say that the database is behind the volume, which is ``strange`` where another fleet used it last."""
    newest = f"The database's newest revision is {behind.desired}" if behind.desired else "The database has no revision"
    why = "what answers is not up to date. Nothing goes back."
    if strange:
        why = "the volume is another fleet's. Nothing goes back; the holder publishes above it."
    elif not barred:
        why = "the database lost revisions. Nothing goes back; the holder publishes above it."
    return f"{newest}, and this volume has had {behind.held}: {why}"


def explain(status: Mapping[str, object]) -> Json:
    """Return ``election`` and ``revision``, each a list of sentences, from a status document of any release."""
    return {"election": _election(status), "revision": _revision(status)}


def _election(status: Mapping[str, object]) -> list[str]:
    election, database = _part(status, "leader_election"), _part(status, "database")
    if not election.get("enabled"):
        return ["Mode single: this syncd decides alone for its volume; there is no election."]
    if not status.get("running"):
        return ["syncd does not run: it neither holds the lease nor wants it."]
    if election.get("is_leader"):
        return [f"This syncd is the holder, epoch {database.get('epoch')}, until {election.get('lease_expires_at')}."]
    sentences = []
    if database.get("barred"):
        sentences.append("This syncd wants no lease while the database behind its URL cannot be written.")
    seconds = database.get("seconds_since_seen")
    error = _part(status, "last_error").get("message")
    if seconds is None:
        sentences.append("This syncd is not the holder: it has not seen the database yet.")
    elif election.get("holder_id") is None:
        sentences.append("This syncd is not the holder: nobody has taken the lease yet.")
    else:
        holder, until = election["holder_id"], election.get("lease_expires_at")
        sentences.append(
            f"This syncd is not the holder: {holder} is, epoch {database.get('epoch')}, until {until}; "
            f"that was seen {seconds} s ago."
        )
    if error:
        sentences.append(f"Last error: {error}")
    return sentences


def _revision(status: Mapping[str, object]) -> list[str]:
    database, on_volume, serving = (_part(status, name) for name in ("database", "desired", "serving"))
    sentences = []
    wanted = _part(database, "desired") if status.get("mode") == "leader_election" else on_volume
    if not wanted:
        sentences.append("No revision is published yet." if database else "No revision has been accepted yet.")
    elif on_volume.get("digest") != wanted.get("digest"):
        sentences.append(
            f"The desired revision {wanted.get('number')} is not on the volume yet, which {_holds(on_volume)}."
        )
    if on_volume and serving.get("digest") != on_volume.get("digest"):
        sentences.append(f"The volume {_holds(on_volume)}; {_served(serving, _part(status, 'gateway'))}.")
    elif on_volume and not sentences:
        sentences.append(f"Revision {on_volume.get('number')} is desired, on the volume, and served by the gateway.")
    failover = _part(database, "failover")
    if failover:
        sentences.append(
            f"The database failed over, seen at {failover.get('at')}: system identifier and timeline went from "
            f"{failover.get('before')} to {failover.get('after')}. Commits that the new server lacks are lost; the "
            "holder publishes above every number that a replica has had."
        )
    if database.get("unpublished"):
        sentences.append("What the volume holds is unpublished: fetched straight from the source without the database.")
    strange = database.get("not_own")
    sentences += [str(sentence) for sentence in strange] if isinstance(strange, list) else []
    sentences += _held_back(status)
    refused, error = _part(status, "refused"), _part(status, "last_error")
    if refused:
        sentences.append(f"Refused by the {refused.get('by')} at {refused.get('at')}: {refused.get('reason')}")
    if error:
        sentences.append(f"Last error, since {error.get('at')}: {error.get('message')}")
    return sentences


def _held_back(status: Mapping[str, object]) -> list[str]:
    """Tell the pin, what a rollback passes over, and what waits."""
    pin, passed, waiting = _part(status, "pin"), status.get("passed_over"), _part(status, "waiting")
    sentences = []
    if pin:
        sentences.append(
            f"Revision {pin.get('number')} is pinned since {pin.get('at')}; `history` says by whom, and why."
        )
    if waiting.get("why") == "pinned":
        digest, since = str(waiting.get("digest"))[:12], waiting.get("since")
        sentences.append(f"The source holds a change ({digest}), which waits for `unpin` since {since}.")
    elif passed:
        sentences.append(
            f"A rollback passes over {str(passed)[:12]}, which the source held; its next change is published."
        )
    return sentences


def _served(serving: Mapping[str, object], gateway: Mapping[str, object]) -> str:
    """Say what the gateway serves, or why nothing: its note stands in the status of this release only."""
    if serving:
        return f"the gateway serves revision {serving['number']}"
    note = f": {gateway['note']}" if gateway.get("note") else ""
    match gateway.get("state"):
        case None:
            return "the gateway serves nothing, or there is none beside this syncd"
        case "stopped":
            return "the gateway has stopped"
        case "starting":
            return f"the gateway has started and serves nothing yet{note}"
        case state:
            return f"the gateway is {state} and serves nothing{note}"


def _holds(revision: Mapping[str, object]) -> str:
    return f"holds revision {revision['number']}" if revision else "is empty"


def _part(whole: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the object under ``name``, empty where there is none."""
    part = whole.get(name)
    return part if isinstance(part, dict) else {}
