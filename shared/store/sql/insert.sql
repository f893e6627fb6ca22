-- The key of an idempotent create and the operation come to be together, or neither does. Two creates with one key at
-- once: the second waits for the first one's commit, and then changes nothing.
WITH keyed AS (
    INSERT INTO create_requests (project_id, request_id, fingerprint, operation_id)
    SELECT $2::text, $10::text, $11::bytea, $1::uuid WHERE $10::text IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING operation_id
)
INSERT INTO operations (id, project_id, collection, kind, target, spec, priority, failure_limit, trace_parent)
SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::smallint, $8::integer, $9::text
WHERE $10::text IS NULL OR EXISTS (SELECT FROM keyed)
-- A create whose answer was lost is sent again with the same id: the first one stands.
ON CONFLICT (id) DO NOTHING
RETURNING *
