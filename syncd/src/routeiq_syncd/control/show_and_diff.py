"""What people can ask of any mode's history: one revision, the difference between two; and requests to go back."""

from collections.abc import Awaitable, Callable, Mapping

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.history.requests import ACTIONS, MOST_NUMBER, Request, read_request
from routeiq_syncd.history.showing import difference, shown
from routeiq_syncd.runtime.turns.waiting import completed
from routeiq_syncd.status.document import Json

Reply = tuple[int, Json]
Content = Callable[[int], Awaitable[tuple[Json, Bundle] | Reply]]
"""Returns what is known of a revision and its files, or the reply that says why they cannot be had."""


async def show(content: Content, query: Mapping[str, str]) -> Reply:
    """Reply to ``/revision?number=N``: what is known of it, its files, and their text without secrets."""
    number = _number(query.get("number"))
    if number is None:
        return 400, {"error": "'number' is the number of a revision, such as 41; `history` lists them"}
    found = await content(number)
    if not isinstance(found[1], Bundle):
        return found[0], found[1]
    known, bundle = found
    text = await completed(lambda: shown(bundle))
    return 200, {"revision": known, "files": [vars(entry) for entry in bundle.entries], "text": text}


async def diff(content: Content, query: Mapping[str, str]) -> Reply:
    """Reply to ``/diff?from=A&to=B``: what differs between two revisions, without secrets."""
    numbers = _number(query.get("from")), _number(query.get("to"))
    if numbers[0] is None or numbers[1] is None:
        return 400, {"error": "'from' and 'to' are numbers of revisions, such as 41; `history` lists them"}
    before = await content(numbers[0])
    if not isinstance(before[1], Bundle):
        return before[0], before[1]
    after = await content(numbers[1])
    if not isinstance(after[1], Bundle):
        return after[0], after[1]
    one, other = before[1], after[1]
    text = "" if one.digest == other.digest else await completed(lambda: difference(one, other))
    return 200, {"from": before[0], "to": after[0], "same": one.digest == other.digest, "text": text}


def commands(carry_out: Callable[[Request], Awaitable[Reply]]) -> Mapping[str, Callable[[bytes], Awaitable[Reply]]]:
    """Return what takes the bodies of requests, by path; ``carry_out`` does what is asked for."""

    def command(action: str) -> Callable[[bytes], Awaitable[Reply]]:
        async def take(body: bytes) -> Reply:
            request = read_request(action, body)
            return (400, {"error": request}) if isinstance(request, str) else await carry_out(request)

        return take

    return {f"/{action}": command(action) for action in ACTIONS}


def _number(text: str | None) -> int | None:
    """Return the number of a revision, None where ``text`` is none."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > len(str(MOST_NUMBER)):
        return None
    return int(text) or None
