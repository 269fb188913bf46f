"""What an operator asks for, and what becomes of it: rollback, pin and unpin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.history.standing import Pin, Standing

Action = Literal["rollback", "pin", "unpin"]
ACTIONS: tuple[Action, ...] = ("rollback", "pin", "unpin")
MOST_NOTE, MOST_BY = 500, 200
"""Letters of a note, and of a name."""
MOST_NUMBER = 10**18 - 1
SOMEBODY = "not told"


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        action: what to do.
        number: the revision; None for ``unpin``, and for a pin of the desired revision.
        note: why.
        by: who asks.
    """

    action: Action
    number: int | None
    note: str
    by: str


@dataclass(frozen=True)
class Kept:
    """A revision of the history: its number and its digest."""

    number: int
    digest: str


@dataclass(frozen=True)
class Settled:
    """There is nothing to do, or nothing is done; with HTTP's code and a sentence."""

    code: int
    message: str


@dataclass(frozen=True)
class Do:
    """What is done, in one step.

    Attributes:
        restore: the revision whose content becomes the newest revision, None where the desired revision has it.
        pin: whether the content is pinned; None: pins stay as they are, False: the pin is taken off.
        passes_over: whether what the source holds is passed over.
    """

    restore: Kept | None
    pin: bool | None
    passes_over: bool


def read_request(action: str, body: bytes) -> Request | str:
    """Read a request from the body of an HTTP request; return the sentence why it cannot be read.

    The body is a JSON object with ``number``, ``note`` and ``by``; unknown fields are an error, since a misspelt note
    would be lost.
    """
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return f"the body of {action} is not JSON; send an object such as " + '{"number": 41, "note": "why"}'
    known = {"number", "note", "by"}
    if not isinstance(fields, dict) or not fields.keys() <= known:
        strange = legible(str(sorted(map(str, fields.keys() - known)))) if isinstance(fields, dict) else "no object"
        return f"the body of {action} has 'number', 'note' and 'by' and nothing else, and holds {strange}"
    return checked(action, fields)


def checked(action: str, fields: Mapping[str, object]) -> Request | str:
    """Return the request that ``fields`` make, or the sentence why they make none."""
    named = next((known for known in ACTIONS if known == action), None)
    number, note, by = fields.get("number"), fields.get("note") or "", fields.get("by") or SOMEBODY
    if named is None:
        return f"this release knows no request '{legible(action)}'"
    if number is not None and (type(number) is not int or not 1 <= number <= MOST_NUMBER):
        return f"'number' of {action} is the number of a revision, such as 41; `history` lists them"
    if named == "unpin" and number is not None:
        return "unpin takes no 'number': there is one pin at most"
    if named == "rollback" and number is None:
        return "rollback needs 'number', the revision to go back to; `history` lists them"
    for name, text, most in (("note", note, MOST_NOTE), ("by", by, MOST_BY)):
        if not isinstance(text, str) or len(text) > most:
            return f"'{name}' of {action} is a text of at most {most} letters"
    if named == "rollback" and not str(note).strip():
        return "rollback needs 'note', which says why: the history shows it"
    return Request(named, number, legible(" ".join(str(note).split())), legible(" ".join(str(by).split())))


def plan_request(request: Request, target: Kept | None, desired: Kept | None, standing: Standing) -> Settled | Do:
    """Decide what becomes of a request.

    Args:
        request: what is asked for.
        target: the revision that it names, None where the history does not have that number.
        desired: the newest revision, None for none.
        standing: the pin, and what the newest revision passes over.
    """
    pin = standing.pin
    if request.action == "unpin":
        return Settled(200, "Nothing is pinned; nothing was changed.") if pin is None else Do(None, False, False)
    if desired is None:
        return Settled(409, "There is no revision yet, so nothing can be gone back to or pinned.")
    if request.number is not None and target is None:
        return Settled(404, f"The history has no revision {request.number}; `history` lists what can be gone back to.")
    wanted = desired if target is None else target
    restore = None if wanted.digest == desired.digest else wanted
    if request.action == "pin":
        if pin is not None and pin.digest == wanted.digest and restore is None:
            return Settled(200, f"Revision {pin.number} is pinned already, since {pin.at}; nothing was changed.")
        return Do(restore, True, False)
    if restore is None:
        same = f"the content of revision {wanted.number}" if wanted.number != desired.number else "desired"
        return Settled(200, f"Revision {desired.number} is {same} already; nothing was changed.")
    if pin is not None:
        return Settled(409, f"{pinned_text(pin)} Unpin it first, or pin revision {wanted.number} instead.")
    return Do(restore, None, True)


def done_text(request: Request, done: Do, number: int, desired: Kept | None, pin: Pin | None) -> str:
    """Say what was done; ``number`` is the newest revision afterwards, ``desired`` and ``pin`` are as before."""
    back = f"Revision {number} has the content of revision {done.restore.number}" if done.restore else ""
    if request.action == "unpin":
        was = f"Revision {pin.number} is not pinned any more" if pin else "Nothing is pinned any more"
        return f"{was}; what the source holds is published again."
    if request.action == "pin":
        kept = f"{back}, and is pinned" if back else f"Revision {number} is pinned"
        return f"{kept}. The source goes on being read, and a change waits until `unpin`."
    left = f" Revision {desired.number} is left." if desired else ""
    return f"{back}.{left} The source's next change is published; what it holds now is not."


def pinned_text(pin: Pin) -> str:
    """Say what is pinned, by whom and why."""
    why = f": {pin.note}" if pin.note else ""
    return f"Revision {pin.number} is pinned by {pin.by} since {pin.at}{why.rstrip('.')}."
