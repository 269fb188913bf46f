"""The SQL that syncd sends about the tables of the schema ``routeiq``, which belong to routeiq-migrate.

Every statement names the lock ($1), so that several fleets share a database. All instants are the server's
``clock_timestamp()``; no other clock enters a comparison.
"""

LOOK = """
SELECT l.holder_id, l.epoch, l.expires_at, extract(epoch FROM l.expires_at - clock_timestamp())::float8 AS remaining,
       l.epoch IS NOT NULL AND NOT pg_try_advisory_xact_lock_shared($2, (l.epoch % 2147483647)::int4) AS guarded,
       l.server AS granted_by, now.server, l.pin, l.waiting, r.number, r.digest, r.passes_over,
       a.number AS acked, a.digest AS acked_digest,
       (SELECT id::text FROM routeiq.identity LIMIT 1) AS identity,
       CASE WHEN pg_is_in_recovery() THEN 'standby'
            WHEN current_setting('transaction_read_only')::boolean THEN 'read-only' ELSE '' END AS barred
FROM (SELECT routeiq.server() AS server) AS now
LEFT JOIN routeiq.lease AS l ON l.name = $1
LEFT JOIN LATERAL (
    SELECT number, digest, passes_over FROM routeiq.revision WHERE lock_name = $1 ORDER BY number DESC LIMIT 1
) AS r ON true
LEFT JOIN LATERAL (
    SELECT number, digest FROM routeiq.revision WHERE lock_name = $1 AND acked_at IS NOT NULL
    ORDER BY number DESC LIMIT 1
) AS a ON true"""

# Waits for the row's lock while somebody publishes, and only then looks at the clock. Each timeline has $7 epochs of
# its own. $6 is the highest epoch that the candidate knows of: a row with a lower epoch, or that another server
# granted, has lost epochs, which are stepped over.
ACQUIRE = """
INSERT INTO routeiq.lease AS l (name, holder_id, epoch, expires_at, server)
VALUES ($1, $2, greatest(CASE WHEN $6::bigint > 0 THEN $6 + $7::bigint END, (routeiq.timeline() - 1) * $7 + 1),
    clock_timestamp() + make_interval(secs => $3), routeiq.server())
ON CONFLICT (name) DO UPDATE SET holder_id = $2, acquired_at = clock_timestamp(), renewed_at = clock_timestamp(),
    epoch = greatest(l.epoch + 1, (routeiq.timeline() - 1) * $7 + 1,
        CASE WHEN l.epoch < $6 OR NOT routeiq.in_history(l.server) THEN greatest(l.epoch, $6) + $7 END),
    expires_at = clock_timestamp() + make_interval(secs => $3), server = excluded.server
WHERE l.expires_at <= clock_timestamp() OR l.holder_id = $2 OR NOT routeiq.in_history(l.server)
   OR (l.epoch = $4 AND pg_try_advisory_xact_lock_shared($5, (l.epoch % 2147483647)::int4))
RETURNING epoch, expires_at"""

RENEW = """
UPDATE routeiq.lease AS l
SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $4)
WHERE name = $1 AND holder_id = $2 AND epoch = $3 AND expires_at > clock_timestamp() AND routeiq.in_history(l.server)
RETURNING epoch, expires_at"""

RELEASE = """
WITH released AS (
    UPDATE routeiq.lease SET expires_at = clock_timestamp()
    WHERE name = $1 AND holder_id = $2 AND epoch = $3 AND expires_at > clock_timestamp() RETURNING 1
) SELECT pg_notify($4, 'released') FROM released"""

LOCK = "SELECT FROM routeiq.lease WHERE name = $1 FOR UPDATE"

# The newest revision and what stands, read while the lease row is locked: nothing is decided on anything older.
STANDING = """
SELECT l.pin, l.waiting, r.number, r.digest, r.passes_over, coalesce(r.passes_over, (
    SELECT digest FROM routeiq.revision WHERE lock_name = $1 AND action = 'publish' ORDER BY number DESC LIMIT 1
)) AS from_source
FROM (SELECT pin, waiting FROM routeiq.lease WHERE name = $1) AS l
LEFT JOIN LATERAL (
    SELECT number, digest, passes_over FROM routeiq.revision WHERE lock_name = $1 ORDER BY number DESC LIMIT 1
) AS r ON true"""

# One above every number that the fleet has published and that its replicas have had: the database may have lost some.
NUMBER = """
SELECT clock_timestamp() AS at, (SELECT count(*) FROM routeiq.replica WHERE lock_name = $1) AS replicas, 1 + greatest(
    $2::bigint,
    (SELECT max(number) FROM routeiq.revision WHERE lock_name = $1),
    (SELECT max(greatest(desired, serving)) FROM routeiq.replica WHERE lock_name = $1)) AS number"""

# The fence: records nothing if holder, epoch, expiry or history is wrong at this moment, with the lease row locked.
RECORD = """
INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id, source, created_at, note)
SELECT name, $4, $5, $6::jsonb, $7, epoch, holder_id, $8::jsonb, $9, $10 FROM routeiq.lease AS l
WHERE name = $1 AND holder_id = $2 AND epoch = $3 AND expires_at > clock_timestamp() AND routeiq.in_history(l.server)
RETURNING number"""

# The same fence, for content that the history has: what travels in its row, or by its pointer, is copied unopened.
RESTORE = """
INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id, source, created_at, note,
    action, restores, asked_by, passes_over)
SELECT l.name, $4, r.digest, $6::jsonb, r.payload, l.epoch, l.holder_id, r.source, $7, $8, $9, r.number, $10, $11
FROM routeiq.lease AS l, routeiq.revision AS r
WHERE l.name = $1 AND l.holder_id = $2 AND l.epoch = $3 AND l.expires_at > clock_timestamp()
    AND routeiq.in_history(l.server) AND r.lock_name = $1 AND r.number = $5
RETURNING number"""

# $5: whether this transaction has passed the fence already, and so holds the row as it found it.
PIN = """
UPDATE routeiq.lease AS l SET pin = $4::jsonb, waiting = NULL
WHERE name = $1 AND holder_id = $2 AND epoch = $3
    AND ($5 OR (expires_at > clock_timestamp() AND routeiq.in_history(l.server)))
RETURNING name"""

WAIT = """
UPDATE routeiq.lease AS l SET waiting = $4::jsonb
WHERE name = $1 AND holder_id = $2 AND epoch = $3 AND expires_at > clock_timestamp() AND routeiq.in_history(l.server)"""

LIFT = """
UPDATE routeiq.revision SET passes_over = NULL WHERE lock_name = $1 AND number = $4 AND EXISTS (
    SELECT FROM routeiq.lease AS l WHERE name = $1 AND holder_id = $2 AND epoch = $3
    AND expires_at > clock_timestamp() AND routeiq.in_history(l.server))"""

ASK = """
INSERT INTO routeiq.request (lock_name, action, number, note, asked_by, expires_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6)) RETURNING id"""

OPEN = """
SELECT id, action, number, note, asked_by FROM routeiq.request
WHERE lock_name = $1 AND answered_at IS NULL AND expires_at > clock_timestamp() ORDER BY id LIMIT 20"""

STILL_OPEN = """
SELECT id FROM routeiq.request WHERE id = $1 AND answered_at IS NULL AND expires_at > clock_timestamp() FOR UPDATE"""

# Whoever answers first, the holder or who asked and waits no more, has answered.
ANSWER = """
UPDATE routeiq.request SET answered_at = clock_timestamp(), answer = $2::jsonb WHERE id = $1 AND answered_at IS NULL
RETURNING id"""

ANSWERED = "SELECT answer FROM routeiq.request WHERE id = $1"

REQUESTS = """
SELECT id, action, number, note, asked_by, asked_at, answered_at, answer FROM routeiq.request
WHERE lock_name = $1 ORDER BY id DESC LIMIT $2"""

DESCRIBED = """
SELECT number, digest, epoch, holder_id, source, note, created_at, acked_at, action, restores, asked_by, passes_over
FROM routeiq.revision WHERE lock_name = $1 AND number = $2"""

FORGET = """
DELETE FROM routeiq.request WHERE lock_name = $1 AND id <= (
    SELECT id FROM routeiq.request WHERE lock_name = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)"""

KEPT = "SELECT number, digest FROM routeiq.revision WHERE lock_name = $1 AND number = $2"

# Returns who wrote the row before, and where.
WRITE_REPLICA = """
WITH before AS (SELECT process, pod FROM routeiq.replica WHERE lock_name = $1 AND replica_id = $2)
INSERT INTO routeiq.replica AS r (lock_name, replica_id, pod, versions, desired, serving, state, refused, reason,
    process)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10)
ON CONFLICT (lock_name, replica_id) DO UPDATE SET pod = $3, versions = $4::jsonb, desired = $5, serving = $6,
    state = $7, refused = $8, reason = $9, process = $10, heartbeat_at = clock_timestamp()
RETURNING (SELECT process FROM before) AS process, (SELECT pod FROM before) AS pod"""

REVISION = "SELECT manifest, payload, source FROM routeiq.revision WHERE lock_name = $1 AND number = $2"

ACK = """
UPDATE routeiq.revision SET acked_at = clock_timestamp()
WHERE lock_name = $1 AND number = $2 AND digest = $3 AND acked_at IS NULL"""

ACKED = """
SELECT number, digest FROM routeiq.revision WHERE lock_name = $1 AND acked_at IS NOT NULL
ORDER BY number DESC LIMIT $2"""

POINTED = "SELECT source FROM routeiq.revision WHERE lock_name = $1 AND number = $2 AND payload IS NULL"

LEAVE = "DELETE FROM routeiq.replica WHERE lock_name = $1 AND replica_id = $2 AND process IN ('', $3)"

# ahead: the highest number that a replica has had and that the database lacks, or has with other content. stuck:
# whether a replica cannot have the desired revision, because the version of its object is gone for instance.
TIDY = """
WITH silent AS (
    DELETE FROM routeiq.replica WHERE lock_name = $1
    AND heartbeat_at < clock_timestamp() - make_interval(secs => $2)
), old AS (
    DELETE FROM routeiq.revision WHERE lock_name = $1 AND number <= (
        SELECT number FROM routeiq.revision WHERE lock_name = $1 ORDER BY number DESC OFFSET $3 LIMIT 1)
    AND number NOT IN (SELECT number FROM routeiq.revision WHERE lock_name = $1 AND acked_at IS NOT NULL
        ORDER BY number DESC LIMIT 1)
)
SELECT coalesce(bool_or(state = $5), false) AS stuck, coalesce(max(greatest(desired, serving)) FILTER (WHERE
    state = $4 OR greatest(desired, serving) > coalesce(newest.number, 0)), 0) AS ahead
FROM routeiq.replica, (SELECT max(number) AS number FROM routeiq.revision WHERE lock_name = $1) AS newest
WHERE lock_name = $1"""

LIVING = """
SELECT count(*) FROM routeiq.replica
WHERE lock_name = $1 AND heartbeat_at > clock_timestamp() - make_interval(secs => $2)"""
