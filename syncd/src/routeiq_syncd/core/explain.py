"""Why a replica is not the holder, and why a revision is not served: the status document, in sentences."""

from collections.abc import Mapping

from routeiq_syncd.core.status import Json


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
    told = []
    seconds = database.get("seconds_since_seen")
    error = _part(status, "last_error").get("message")
    if seconds is None:
        told.append("This syncd is not the holder: it has not seen the database yet.")
    elif election.get("holder_id") is None:
        told.append("This syncd is not the holder: nobody has taken the lease yet.")
    else:
        holder, until = election["holder_id"], election.get("lease_expires_at")
        told.append(
            f"This syncd is not the holder: {holder} is, epoch {database.get('epoch')}, until {until}; "
            f"that was seen {seconds} s ago."
        )
    if error:
        told.append(f"Last error: {error}")
    return told


def _revision(status: Mapping[str, object]) -> list[str]:
    database, on_volume, serving = (_part(status, name) for name in ("database", "desired", "serving"))
    told = []
    wanted = _part(database, "desired") if status.get("mode") == "leader_election" else on_volume
    if not wanted:
        told.append("No revision is published yet." if database else "No revision has been accepted yet.")
    elif on_volume.get("digest") != wanted.get("digest"):
        told.append(f"The desired revision {wanted.get('number')} is not on the volume yet, which {_holds(on_volume)}.")
    if on_volume and serving.get("digest") != on_volume.get("digest"):
        served = f"revision {serving['number']}" if serving else "nothing, or there is none beside this syncd"
        told.append(f"The volume {_holds(on_volume)}; the gateway serves {served}.")
    elif on_volume and not told:
        told.append(f"Revision {on_volume.get('number')} is desired, on the volume, and served by the gateway.")
    if database.get("unpublished"):
        told.append("What the volume holds is unpublished: fetched straight from the source without the database.")
    refused, error = _part(status, "refused"), _part(status, "last_error")
    if refused:
        told.append(f"Refused by the {refused.get('by')} at {refused.get('at')}: {refused.get('reason')}")
    if error:
        told.append(f"Last error, since {error.get('at')}: {error.get('message')}")
    return told


def _holds(revision: Mapping[str, object]) -> str:
    return f"holds revision {revision['number']}" if revision else "is empty"


def _part(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the object under ``name``, empty where there is none."""
    part = document.get(name)
    return part if isinstance(part, dict) else {}
