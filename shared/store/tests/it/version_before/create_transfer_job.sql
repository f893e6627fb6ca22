-- A job, unless the project has one of this name, deleted or not.
WITH made AS (
    INSERT INTO transfer_jobs (project_id, name, status, job, next_run_time, create_time)
    SELECT $1::text, $2::text, $3::text, $4::jsonb, $5::timestamptz, $6::timestamptz
    ON CONFLICT DO NOTHING
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, resource, result)
    SELECT project_id, $7::text, $8::text::inet, $9::text, 'CREATE_TRANSFER_JOB', name, status FROM made
)
SELECT * FROM made
