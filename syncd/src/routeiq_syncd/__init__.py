"""syncd keeps one volume up to date with one configuration, and never lets a reader see half of it.

Purpose
    A LiteLLM configuration lives at a *source*: a file (a Kubernetes ConfigMap, say) or an object in S3. A gateway
    reads it from a *volume* that it shares with syncd. syncd stands between: it fetches, checks, and lays what it
    accepted on the volume as an immutable, numbered **revision**, named by the digest of its content.

The turn
    Everything syncd does is one turn, repeated (`reconcile.poller`) or done once (`routeiq-syncd once`):

    1. *Fetch* (`sources`). A source answers with a bundle of files bound to its version, or "unchanged", or with
       content that cannot become a bundle, or with the reason why it could not be read.
    2. *Decide* (`revision.decide`). Pure: the bundle is refused with every problem and its line, or is what `current`
       already holds, or becomes a manifest with the next number.
    3. *Materialise* (`volume`). Unique temporary directory, files, fsync, rename, swap of the relative link
       `current`, fsync. Killed between any two steps, `current` still names a complete tree.

    Only then is the source's version remembered. A change that could not be written, because the disk was full, is
    fetched again at the next turn, though the source did not change.

Leader election
    Where a database connects several syncds (`lease` tells that story), deciding and materialising come apart. The
    holder of the lease polls the source and *publishes*: it records a revision in PostgreSQL, in one transaction that
    finds its lease right. Every syncd, the holder too, *follows*: it notices the newest revision, checks its digest and
    materialises it on its own volume. Without the database everyone serves on; a first start without it fetches by
    itself, marks that unpublished, and reconciles later. The work of a publish is spread over a large fleet in time.

Failure
    A refused configuration replaces nothing, nor does a source that is gone or a disk that is full: `current` stays,
    `/status` and the log say why, and the loops go on. A fault that syncd does not understand ends the process, and its
    supervisor starts it again: every start clears half-written trees and proves `current` intact. One lock on the
    volume keeps a second writer out.

What syncd does not promise: that a revision it accepted is one that the gateway can serve (only LiteLLM knows, and the
gateway answers), and that every intermediate state of a source that changes faster than it is read gets a revision.
"""
