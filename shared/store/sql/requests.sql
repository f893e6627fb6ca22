-- What is asked of these operations of this worker: the look that follows a hint.
SELECT id, attempt, cancel_requested_at IS NOT NULL AS cancel_requested,
       pause_requested_at IS NOT NULL AS pause_requested
FROM operations
WHERE id = ANY ($2) AND worker_id = $1 AND state = 'RUNNING'
  AND (cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL)
