"""What operators ask of single mode: the history of the volume, a rollback, a pin and its end."""

from collections.abc import Callable
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.history.entries import Entry
from routeiq_syncd.history.requests import Do, Kept, Request, Settled, done_text, plan_request
from routeiq_syncd.history.standing import Pin, Standing
from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.revision.garbage import KEEP
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest, make_manifest
from routeiq_syncd.runtime.turns.waiting import completed
from routeiq_syncd.volume.history import VolumeHistory
from routeiq_syncd.volume.tree import bundle_of, numbered, trees
from routeiq_syncd.volume.volume import REVISIONS, unusable

Reply = tuple[int, dict[str, object]]


@dataclass(eq=False)
class VolumeRequests:
    """Carries requests out on one volume, and answers what is asked about its history.

    Attributes:
        changed: called when something was changed.
    """

    reconciler: Reconciler
    history: VolumeHistory
    changed: Callable[[], None]

    def __post_init__(self) -> None:
        self._volume = self.reconciler.volume
        self._revisions = self._volume.root / REVISIONS

    async def carry_out(self, request: Request) -> Reply:
        """Do what is asked for, between two turns, and return HTTP's code with the answer."""
        try:
            async with self.reconciler.writing:
                code, message = await completed(lambda: self._carry_out(request))
        except OSError as error:
            return 503, {"error": unusable(self._volume.root, error)}
        self.reconciler.memory.known = None
        self.changed()
        if code != 200:  # noqa: PLR2004 - HTTP's own number
            return code, {"error": message}
        current = self._volume.current()
        return code, {"message": message, "number": current and current.number, "digest": current and current.digest}

    def _carry_out(self, request: Request) -> tuple[int, str]:
        current, standing = self._volume.current(), self.reconciler.standing()
        desired = Kept(current.number, current.digest) if current else None
        target = None if request.number is None else self._kept(request.number)
        plan = plan_request(request, target, desired, standing)
        if isinstance(plan, Settled):
            return plan.code, plan.message
        number, now = desired.number if desired else 0, stamp(self.reconciler.now())
        if plan.restore is not None and current is not None:
            restored = self._restore(request, plan, plan.restore.number, current, standing)
            if isinstance(restored, str):
                return 409, restored
            number = restored.number
        if plan.pin is not None:
            pinned = target or desired
            self.history.pin(Pin(number, pinned.digest, request.note, request.by, now) if plan.pin and pinned else None)
            self.history.wait(None)
        return 200, done_text(request, plan, number, desired, standing.pin)

    def _restore(
        self, request: Request, plan: Do, number: int, current: Manifest, standing: Standing
    ) -> Manifest | str:
        """Make the content of revision ``number`` the newest revision; return its manifest, or why not."""
        target = numbered(self._revisions, number)
        bundle = None if target is None else bundle_of(self._revisions / target.name, target)
        if target is None or bundle is None:
            return f"The files of revision {number} are no longer on the volume, which keeps the newest {KEEP}."
        rules, now = self.reconciler.rules, self.reconciler.now()
        passes_over = (standing.passed or self._from_source(current)) if plan.passes_over else standing.passed
        place = (target.source, rules.publisher, now)
        made = make_manifest(self._volume.next_number(), bundle.entries, *place, origins=target.origins)
        entry = Entry(
            number=made.number,
            digest=made.digest,
            action=request.action,
            restores=number,
            note=request.note,
            by=request.by,
            at=made.created_at,
            source=target.source.location,
            passes_over=None if passes_over == made.digest else passes_over,
        )
        self.history.write(entry)
        if (error := self._volume.materialise(bundle, made)) is not None:
            return error
        self._volume.collect()
        return made

    def _from_source(self, current: Manifest) -> str:
        """Return the digest of what the source was last published from."""
        below = (entry for entry in self.history.entries() if entry.number <= current.number)
        return next((entry.digest for entry in below if entry.action == "publish"), current.digest)

    def _kept(self, number: int) -> Kept | None:
        manifest = numbered(self._revisions, number)
        if manifest is not None:
            return Kept(manifest.number, manifest.digest)
        return next((Kept(number, entry.digest) for entry in self.history.entries() if entry.number == number), None)

    async def revisions(self) -> Reply:
        """Return the history, newest first, with the pin and what waits."""
        try:
            return 200, await completed(self._listed)
        except OSError as error:
            return 503, {"error": unusable(self._volume.root, error)}

    def _listed(self) -> dict[str, object]:
        current, standing = self._volume.current(), self.reconciler.standing()
        newest = current.number if current else 0
        present = {manifest.number: manifest for manifest in trees(self._revisions)}
        entries = {entry.number: entry for entry in self.history.entries() if entry.number <= newest}
        rows = []
        for number in sorted({*present, *entries}, reverse=True):
            manifest, entry = present.get(number), entries.get(number)
            told = entry if entry and (not manifest or manifest.digest == entry.digest) else None
            rows.append(_row(number, manifest, told))
        return {
            "lock_name": None,
            "revisions": rows,
            "pin": standing.pin and vars(standing.pin),
            "waiting": standing.waiting and vars(standing.waiting),
        }

    async def content(self, number: int) -> tuple[dict[str, object], Bundle] | Reply:
        """Return what is known of a revision and its files, or the reply that says why they cannot be had."""
        try:
            return await completed(lambda: self._content(number))
        except OSError as error:
            reply: Reply = (503, {"error": unusable(self._volume.root, error)})
            return reply

    def _content(self, number: int) -> tuple[dict[str, object], Bundle] | Reply:
        manifest = numbered(self._revisions, number)
        bundle = None if manifest is None else bundle_of(self._revisions / manifest.name, manifest)
        if manifest is None or bundle is None:
            known = self._kept(number) is not None
            kept = f"its files are no longer on the volume, which keeps the newest {KEEP}"
            why = f"There is no revision {number} to show: {kept if known else 'the history does not have it'}."
            reply: Reply = (404, {"error": why})
            return reply
        return _row(number, manifest, self.history.entry(manifest)), bundle


def _row(number: int, manifest: Manifest | None, entry: Entry | None) -> dict[str, object]:
    """Return one revision as the history shows it; a volume of an older release has no entries."""
    return {
        "number": number,
        "digest": entry.digest if entry else manifest and manifest.digest,
        "epoch": 0,
        "holder_id": manifest and manifest.publisher.holder_id,
        "source": {"location": entry.source if entry else manifest and manifest.source.location},
        "note": entry.note if entry else "",
        "created_at": entry.at if entry else manifest and manifest.created_at,
        "acked_at": None,
        "action": entry.action if entry else "publish",
        "restores": entry.restores if entry else None,
        "asked_by": entry.by if entry else "",
        "passes_over": entry.passes_over if entry else None,
        "kept": manifest is not None,
    }
