-- Ends what waits or stands paused past its deadline. What runs is ended by its worker, at a safe point.
WITH overdue AS MATERIALIZED (
    SELECT id FROM operations
    WHERE deadline <= clock_timestamp() AND deadline IS NOT NULL AND finish_time IS NULL
      AND state IN ('PENDING', 'PAUSED')
    ORDER BY deadline
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE operations o SET
    state = 'FAILED', finish_time = clock_timestamp(), error_code = 4,
    error_message = 'The deadline passed before the operation ended.',
    pause_requested_at = NULL, update_time = clock_timestamp(), revision = o.revision + 1
FROM overdue
WHERE o.id = overdue.id AND o.state IN ('PENDING', 'PAUSED') AND o.deadline <= clock_timestamp()
RETURNING o.id, o.kind, o.state, o.attempt
