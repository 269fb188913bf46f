-- When a gateway of the fleet first said that it serves the revision. The newest such revision is what a replica that
-- starts falls back to while the newest of all is refused, or cannot be opened.
ALTER TABLE routeiq.revision ADD COLUMN acked_at timestamptz;

-- The process that wrote the row last: two that write one row are a copied volume.
ALTER TABLE routeiq.replica ADD COLUMN process text NOT NULL DEFAULT '';

-- Which database this is. One row, made once: it is the same in a dump, in a standby that is promoted and after a
-- restore, where PostgreSQL's system identifier and timeline are not.
CREATE TABLE routeiq.identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    single boolean PRIMARY KEY DEFAULT true CHECK (single)
);
INSERT INTO routeiq.identity DEFAULT VALUES;

-- It is no secret, and whoever may use the schema reads it: an upgrade needs no further grant.
GRANT SELECT ON routeiq.identity TO PUBLIC;
