-- Ends the attempts of workers whose lease has ended. Any number of keepers may run it at once.
WITH dead AS MATERIALIZED (
    SELECT id FROM workers
    WHERE expires_at <= clock_timestamp()
    ORDER BY expires_at
    LIMIT 100
    -- Waits for no claim under way (FOR KEY SHARE): that worker is swept at the next turn.
    FOR UPDATE SKIP LOCKED
), orphans AS MATERIALIZED (
    SELECT o.id FROM dead JOIN operations o ON o.worker_id = dead.id
    WHERE o.state = 'RUNNING'
    LIMIT $1
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE operations o SET
    state = CASE WHEN o.cancel_requested_at IS NOT NULL THEN 'CANCELLED'
                 WHEN o.failures + 1 >= o.failure_limit THEN 'FAILED'
                 WHEN o.pause_requested_at IS NOT NULL  THEN 'PAUSED'
                 ELSE 'PENDING' END,
    failures    = o.failures + 1,
    finish_time = CASE WHEN o.cancel_requested_at IS NOT NULL OR o.failures + 1 >= o.failure_limit
                       THEN clock_timestamp() END,
    error_code  = CASE WHEN o.cancel_requested_at IS NOT NULL THEN 1
                       WHEN o.failures + 1 >= o.failure_limit THEN 10 END,
    error_message = CASE WHEN o.cancel_requested_at IS NOT NULL THEN 'The operation was cancelled. Its worker was lost.'
                         WHEN o.failures + 1 >= o.failure_limit
                         THEN format('Given up after %s failed attempts; the last one lost its worker.', o.failures + 1) END,
    -- Nobody saw what the lost worker left behind: also true should it be cancelled while it waits.
    cancel_cleanup = CASE WHEN o.cancel_requested_at IS NOT NULL OR o.failures + 1 < o.failure_limit
                          THEN '{"status": "unknown", "outputs": []}'::jsonb END,
    cancel_ended_by = CASE WHEN o.cancel_requested_at IS NOT NULL THEN 'WORKER_LOST' END,
    nonce = NULL, worker_id = NULL, pause_requested_at = NULL,
    update_time = clock_timestamp(), revision = o.revision + 1
FROM orphans
WHERE o.id = orphans.id AND o.state = 'RUNNING'
RETURNING o.id, o.kind, o.state, o.attempt
