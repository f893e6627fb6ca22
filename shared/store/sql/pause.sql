WITH changed AS (
    UPDATE operations SET
        state              = CASE WHEN state = 'PENDING' THEN 'PAUSED' ELSE state END,
        pause_requested_at = CASE WHEN state = 'RUNNING' THEN clock_timestamp() END,
        update_time        = clock_timestamp(),
        revision           = revision + 1
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
      AND state IN ('PENDING', 'RUNNING') AND pause_requested_at IS NULL
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $4::text, $5::text::inet, $6::text, 'PAUSE', id, state FROM changed
)
SELECT * FROM changed
