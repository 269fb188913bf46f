"""Whose a revision, a volume and a replica's id are: what belongs to another fleet, source or process is named."""

from dataclasses import dataclass

from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.status.snapshot import ClusterSnapshot
from routeiq_syncd.volume.fleet_mark import FleetMark


@dataclass(frozen=True)
class Ownership:
    """What this replica calls its own.

    Attributes:
        source_kind, source_location: its source.
        strict: revisions from another source are refused, and not only warned of.
    """

    source_kind: str
    source_location: str
    strict: bool = False

    def foreign(self, manifest: Manifest) -> bool:
        """Whether a holder published ``manifest`` from another source than this replica's."""
        source = manifest.source
        own = (self.source_kind, self.source_location)
        return manifest.publisher.epoch > 0 and (source.kind, source.location) != own

    def refusal(self, manifest: Manifest) -> str | None:
        """Say why a revision is not taken, None where it is."""
        if not (self.strict and self.foreign(manifest)):
            return None
        return f"{foreign_source(manifest, self.source_location)} ROUTEIQ_REFUSE_FOREIGN_SOURCE keeps it out."


def foreign_source(manifest: Manifest, own: str) -> str:
    """Say that a revision came from another source."""
    source, holder = manifest.source.location, manifest.publisher.holder_id
    return (
        f"Revision {manifest.number} came from {source}, published by {holder}, and this replica's source is {own}: if "
        "they are two environments, give each a LLMROUTER_CONFIG_SYNC_LOCK_NAME or a database of its own."
    )


def not_own(snapshot: ClusterSnapshot) -> tuple[str, ...]:
    """Return a sentence for everything that this replica uses and that belongs to another."""
    sentences = []
    desired, strangers = snapshot.desired, snapshot.strangers
    own = Ownership(snapshot.source_kind, snapshot.source_location)
    if desired is not None and own.foreign(desired):
        sentences.append(foreign_source(desired, snapshot.source_location))
    if strangers is not None:
        fleet = FleetMark(snapshot.lock_name, snapshot.identity)
        sentences.append(
            f"The volume was last used in the fleet {strangers}, and this replica is of the fleet {fleet}: the volume "
            "is another replica's, or DATABASE_URL, DIRECT_URL or LLMROUTER_CONFIG_SYNC_LOCK_NAME leads elsewhere than "
            "before. What the volume holds is served until this fleet's own revision is on it."
        )
    if snapshot.twin:
        sentences.append(
            f"{snapshot.twin} writes under the id of this replica, {snapshot.replica_id}, too: one volume is a copy of "
            "the other. Delete the file replica-id on one of them, and restart its syncd."
        )
    return tuple(sentences)
