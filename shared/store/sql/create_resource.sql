-- A resource, unless the project has one of this name in this collection, deleted or not.
WITH made AS (
    INSERT INTO resources (project_id, collection, name, state, content, next_run_time, create_time)
    SELECT $1::text, $2::text, $3::text, $4::text, $5::jsonb, $6::timestamptz, $7::timestamptz
    ON CONFLICT DO NOTHING
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, resource, result)
    SELECT project_id, $9::text, $10::text::inet, $11::text, $8::text, name, state FROM made
)
SELECT * FROM made
