-- Changes the resource that the caller has seen; none where somebody else has changed it since, or it is deleted.
WITH changed AS (
    UPDATE resources SET
        state         = $5::text,
        content       = $6::jsonb,
        next_run_time = $7::timestamptz,
        delete_time   = CASE WHEN $5::text = 'DELETED' THEN clock_timestamp() END,
        update_time   = clock_timestamp(),
        revision      = revision + 1
    WHERE project_id = $1::text AND collection = $2::text AND name = $3::text AND revision = $4::bigint
      AND state <> 'DELETED'
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, resource, result)
    SELECT project_id, $9::text, $10::text::inet, $11::text, $8::text, name, state FROM changed
)
SELECT * FROM changed
