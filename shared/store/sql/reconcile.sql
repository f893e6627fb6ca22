-- Operations that this worker owns by the row but does not know of: a claim whose answer was lost. They go back to
-- the queue; nothing of them ran, so it is no failure.
UPDATE operations SET
    state = CASE WHEN cancel_requested_at IS NOT NULL THEN 'CANCELLED'
                 WHEN pause_requested_at IS NOT NULL THEN 'PAUSED' ELSE 'PENDING' END,
    finish_time    = CASE WHEN cancel_requested_at IS NOT NULL THEN clock_timestamp() END,
    error_code     = CASE WHEN cancel_requested_at IS NOT NULL THEN 1 END,
    error_message  = CASE WHEN cancel_requested_at IS NOT NULL THEN 'The operation was cancelled.' END,
    -- What the attempt before left stands there.
    cancel_cleanup = CASE WHEN cancel_requested_at IS NOT NULL
                          THEN coalesce(cancel_cleanup, '{"status": "removed", "outputs": []}'::jsonb) ELSE cancel_cleanup END,
    nonce = NULL, worker_id = NULL, pause_requested_at = NULL,
    update_time = clock_timestamp(), revision = revision + 1
WHERE worker_id = $1 AND state = 'RUNNING' AND NOT (id = ANY ($2))
RETURNING id
