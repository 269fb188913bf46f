-- How a revision came to be: published from the source, or by an operator's rollback or pin, who then asked for it, and
-- the revision whose content it has.
ALTER TABLE routeiq.revision ADD COLUMN action text NOT NULL DEFAULT 'publish';
ALTER TABLE routeiq.revision ADD COLUMN restores bigint;
ALTER TABLE routeiq.revision ADD COLUMN asked_by text NOT NULL DEFAULT '';

-- The digest of what the source held when a rollback went back behind it, for as long as the source holds that. It is
-- not published over the rollback.
ALTER TABLE routeiq.revision ADD COLUMN passes_over text;

-- What the fleet is pinned to, and the change at the source that waits meanwhile; NULL for none.
ALTER TABLE routeiq.lease ADD COLUMN pin jsonb;
ALTER TABLE routeiq.lease ADD COLUMN waiting jsonb;

-- What operators ask of the holder. Any replica writes a row, and the holder answers it in the transaction that does
-- what is asked; a row that is neither answered nor expired is open.
CREATE TABLE routeiq.request (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lock_name text NOT NULL CHECK (lock_name <> ''),
    action text NOT NULL,
    number bigint,
    note text NOT NULL DEFAULT '',
    asked_by text NOT NULL DEFAULT '',
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    answered_at timestamptz,
    answer jsonb
);
CREATE INDEX request_open ON routeiq.request (lock_name, id) WHERE answered_at IS NULL;

-- The fence of pins and rollbacks, which holds for holders of every release: what is published from the source is not
-- recorded where a pin names other content, or where the newest revision passes it over. A holder of a release that
-- knows neither takes its term for lost.
CREATE FUNCTION routeiq.held_back() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pinned text;
    passed text;
BEGIN
    IF NEW.action <> 'publish' THEN
        RETURN NEW;
    END IF;
    SELECT pin ->> 'digest' INTO pinned FROM routeiq.lease WHERE name = NEW.lock_name;
    SELECT passes_over INTO passed FROM routeiq.revision WHERE lock_name = NEW.lock_name ORDER BY number DESC LIMIT 1;
    IF pinned <> NEW.digest OR passed = NEW.digest THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER held_back BEFORE INSERT ON routeiq.revision FOR EACH ROW EXECUTE FUNCTION routeiq.held_back();

-- Whoever may write revisions may ask: an upgrade needs no further grant.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT pg_catalog.pg_get_userbyid(acl.grantee) AS role FROM pg_catalog.pg_class AS class,
            LATERAL pg_catalog.aclexplode(class.relacl) AS acl
        WHERE class.oid = 'routeiq.revision'::regclass AND acl.privilege_type = 'INSERT' AND acl.grantee <> 0
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON routeiq.request TO %I', granted.role);
    END LOOP;
END $$;
