-- A new operation that goes on where one that failed or was cancelled had stopped. The old one is final (INV-4).
WITH origin AS MATERIALIZED (
    SELECT * FROM operations
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
      -- What came with a secret has lost it.
      AND state IN ('FAILED', 'CANCELLED') AND NOT has_secret
), keyed AS (
    INSERT INTO create_requests (project_id, request_id, fingerprint, operation_id)
    SELECT origin.project_id, $9::text, $10::bytea, $7::uuid FROM origin WHERE $9::text IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING operation_id
), labelled AS (
    INSERT INTO operation_labels (project_id, key, value, operation_id)
    SELECT origin.project_id, label.key, label.value, $7::uuid FROM origin, jsonb_each_text(origin.labels) label
    WHERE $9::text IS NULL OR EXISTS (SELECT FROM keyed)
    ON CONFLICT DO NOTHING
), made AS (
    INSERT INTO operations (id, project_id, collection, kind, target, spec, priority, failure_limit, trace_parent,
                            labels, retry_initial_millis, retry_longest_millis, checkpoint, retry_of)
    SELECT $7::uuid, project_id, collection, kind, target, spec, priority, failure_limit, $8::text,
           labels, retry_initial_millis, retry_longest_millis, checkpoint, id
    FROM origin
    WHERE $9::text IS NULL OR EXISTS (SELECT FROM keyed)
    -- A retry whose answer was lost is sent again with the same id: the first one stands.
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $4::text, $5::text::inet, $6::text, 'RETRY', id, state FROM made
)
SELECT * FROM made
