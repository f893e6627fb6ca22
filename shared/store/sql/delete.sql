-- Hides for good. It does not cancel: what has not ended goes on to its end, unseen, and is reached by cancels until then.
WITH changed AS (
    UPDATE operations SET delete_time = clock_timestamp()
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
      AND (done OR NOT $7::boolean)
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $4::text, $5::text::inet, $6::text, 'DELETE', id, state FROM changed
)
SELECT * FROM changed
