-- The fence: one row a lock name, never deleted, so that an epoch can never be used twice.
CREATE TABLE routeiq.lease (
    name text PRIMARY KEY CHECK (name <> ''),
    holder_id text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch >= 1),
    acquired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);

-- The published configurations. The newest row of a lock name is the desired revision.
CREATE TABLE routeiq.revision (
    lock_name text NOT NULL CHECK (lock_name <> ''),
    number bigint NOT NULL CHECK (number >= 1),
    digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    manifest jsonb NOT NULL,
    payload bytea,  -- NULL: the files are fetched from where the manifest's source points
    epoch bigint NOT NULL CHECK (epoch >= 1),
    holder_id text NOT NULL,
    source jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (lock_name, number)
);

-- A bundle is compressed before it is stored; compressing it again would only cost time.
ALTER TABLE routeiq.revision ALTER COLUMN payload SET STORAGE EXTERNAL;

-- What each replica serves, refused and why: one upsert a heartbeat.
CREATE TABLE routeiq.replica (
    lock_name text NOT NULL CHECK (lock_name <> ''),
    replica_id text NOT NULL CHECK (replica_id <> ''),
    pod text NOT NULL DEFAULT '',
    versions jsonb NOT NULL DEFAULT '{}',
    desired bigint,
    serving bigint,
    state text NOT NULL DEFAULT '',
    refused text,  -- the digest that the gateway refused last
    reason text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (lock_name, replica_id)
) WITH (fillfactor = 70);  -- room for an upsert every few seconds to stay on its page
