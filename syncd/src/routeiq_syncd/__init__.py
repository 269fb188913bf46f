"""syncd keeps one volume up to date with one configuration, and never lets a reader see half of it.

Purpose
    A LiteLLM configuration lives at a *source*: a file (a Kubernetes ConfigMap, say) or an object in S3. A gateway
    reads it from a *volume* that it shares with syncd. syncd stands between: it fetches, checks, and lays what it
    accepted on the volume as an immutable, numbered **revision**, named by the digest of its content.

The turn
    Everything syncd does is one turn, repeated (`loops.Poller`) or done once (`routeiq-syncd once`):

    1. *Fetch* (`sources`). A source answers with a bundle of files bound to its version, or "unchanged", or with
       content that cannot become a bundle, or with the reason why it could not be read.
    2. *Decide* (`core.decide`). Pure: the bundle is refused with every problem and its line, or is what `current`
       already holds, or becomes a manifest with the next number.
    3. *Materialise* (`volume`). Unique temporary directory, files, fsync, rename, swap of the relative link
       `current`, fsync. Killed between any two steps, `current` still names a complete tree.

    Only then is the source's version remembered. A change that could not be written, because the disk was full, is
    asked for again at the next turn, though the source did not change.

Leader election
    Where a database connects several syncds (`core.lease` tells that story), deciding and materialising come apart.
    The one that holds the lease polls the source and *publishes*: it records what it accepts in PostgreSQL, in one
    transaction that finds its lease right (`publishing`, `database`). Every syncd, the holder too, *follows*: it
    notices the newest revision, checks its digest and materialises it on its own volume (`follow`); what is too large
    for a row it fetches itself, from where the row points (`pulling`, `core.pointer`). `election` is the
    two states, candidate and holder; `ears` listens, so that news and a dead holder are noticed at once, and polling
    does where nothing can be heard; `heart` tells the fleet what this replica serves. Without the database everyone
    serves on; a first start without it fetches by itself, marks that unpublished, and reconciles later.

    A fleet may have a thousand members. What a publish makes all of them do is spread over a span that grows with
    their number, and a client that only the holder needs (`sources.aws`) is imported by who asks the source.

Time
    A turn is due every `CONFIG_SYNC_INTERVAL` seconds with jitter, at once when a watched file changes, and at once
    on `POST /poll`. While the source fails, turns grow rarer up to a cap. Ages in the status count from the wall
    clock; heartbeats count on the monotonic one.

Failure
    A refused configuration replaces nothing, nor does a source that is gone or a disk that is full: `current` stays,
    `/status` and the log say why, and the loop turns on. What syncd does not understand ends the process, and its
    supervisor starts it again: every start begins with clearing half-written trees and proving `current` intact.
    One lock on the volume keeps a second writer out.

The gateway answers in `answers/gateway.json` what it serves and what it refused. syncd shows that in its status and
keeps the revisions that the gateway still uses; nothing else passes between the two.

What syncd does not promise: that a revision it accepted is one that the gateway can serve (only LiteLLM knows, and the
gateway answers), and that every intermediate state of a source that changes faster than it is read gets a revision.

Where things are
    `core` holds the rules and does no I/O. `volume`, `sources` and `http` each wrap one thing of the outside world.
    `sync` is the turn, `loops` repeats it, `settings` alone reads the environment, `__main__` alone builds.
"""
