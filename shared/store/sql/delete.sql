-- Hides at once and for good. It does not cancel: a running operation goes on to its end, unseen.
WITH changed AS (
    UPDATE operations SET delete_time = clock_timestamp()
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $4::text, $5::text::inet, $6::text, 'DELETE', id, state FROM changed
)
SELECT * FROM changed
