WITH changed AS (
    UPDATE operations SET
        state              = CASE WHEN state = 'PAUSED' THEN 'PENDING' ELSE state END,
        -- A running one has not stopped yet: the request is taken back.
        pause_requested_at = NULL,
        not_before         = NULL,
        update_time        = clock_timestamp(),
        revision           = revision + 1
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
      AND (state = 'PAUSED' OR (state = 'RUNNING' AND pause_requested_at IS NOT NULL))
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, $4::text, $5::text::inet, $6::text, 'RESUME', id, state FROM changed
)
SELECT * FROM changed
