-- Which server's history a lease was granted in. A standby that is promoted may have lost the last commits, epochs
-- among them; it goes on under a new timeline, and so does a server that was restored to a moment of the past.
ALTER TABLE routeiq.lease ADD COLUMN server text NOT NULL DEFAULT '';

-- System identifier and timeline as `identifier/timeline`; empty on a standby, which grants nothing, and where the
-- server does not tell. The control file learns of a promotion only at the checkpoint after it, the name of the WAL
-- file at once.
CREATE FUNCTION routeiq.server() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    system text;
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RETURN '';
    END IF;
    SELECT system_identifier INTO system FROM pg_catalog.pg_control_system();
    BEGIN
        RETURN system || '/' || ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::int;
    EXCEPTION WHEN OTHERS THEN
        RETURN system || '/' || (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint());
    END;
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END $$;

CREATE FUNCTION routeiq.timeline() RETURNS bigint LANGUAGE sql AS
$$ SELECT coalesce(nullif(split_part(routeiq.server(), '/', 2), ''), '1')::bigint $$;

-- Whether what was granted in the history `granted` still stands. What is not known is not held against it.
CREATE FUNCTION routeiq.in_history(granted text) RETURNS boolean LANGUAGE sql AS
$$ SELECT granted = '' OR routeiq.server() IN ('', granted) $$;
