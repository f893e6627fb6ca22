-- Changes the job that the caller has seen; none where somebody else has changed it since, or it is deleted.
WITH changed AS (
    UPDATE transfer_jobs SET
        status        = $4::text,
        job           = $5::jsonb,
        next_run_time = $6::timestamptz,
        delete_time   = CASE WHEN $4::text = 'DELETED' THEN clock_timestamp() END,
        update_time   = clock_timestamp(),
        revision      = revision + 1
    WHERE project_id = $1::text AND name = $2::text AND revision = $3::bigint AND status <> 'DELETED'
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, resource, result)
    SELECT project_id, $7::text, $8::text::inet, $9::text,
           CASE WHEN status = 'DELETED' THEN 'DELETE_TRANSFER_JOB' ELSE 'UPDATE_TRANSFER_JOB' END, name, status
    FROM changed
)
SELECT * FROM changed
