-- The key of an idempotent create and the operation come to be together, or neither does. Two creates with one key at
-- once: the second waits for the first one's commit, and then changes nothing.
WITH keyed AS (
    INSERT INTO create_requests (project_id, request_id, fingerprint, operation_id)
    SELECT $2::text, $10::text, $11::bytea, $1::uuid WHERE $10::text IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING operation_id
), labelled AS (
    INSERT INTO operation_labels (project_id, key, value, operation_id)
    SELECT $2::text, label.key, label.value, $1::uuid FROM jsonb_each_text($12::jsonb) label
    WHERE $10::text IS NULL OR EXISTS (SELECT FROM keyed)
    ON CONFLICT DO NOTHING
), made AS (
    INSERT INTO operations (id, project_id, collection, kind, target, spec, priority, failure_limit, trace_parent,
                            labels, deadline, retry_initial_millis, retry_longest_millis, has_secret)
    SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::smallint, $8::integer, $9::text,
           $12::jsonb, $13::timestamptz, $14::integer, $15::integer, $19::text IS NOT NULL
    WHERE $10::text IS NULL OR EXISTS (SELECT FROM keyed)
    -- A create whose answer was lost is sent again with the same id: the first one stands.
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $16::text, $17::text::inet, $18::text, 'CREATE', id, state FROM made
), kept AS (
    INSERT INTO operation_secrets (operation_id, key_id, sealed)
    SELECT id, $19::text, $20::bytea FROM made WHERE has_secret
)
SELECT * FROM made
