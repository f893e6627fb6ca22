-- Many attempts of one worker at once. The worker says how the attempt ended; the row's own facts decide what that
-- makes of the operation, as `operation::transition` does. What does not come back is fenced.
UPDATE operations o SET (
    state, finish_time, response, error_code, error_message, not_before,
    release_reason, cancel_observed_at, cancel_observed_safe_point, cancel_ended_by, cancel_cleanup
) = (
    -- A sub-select of the row itself: evaluated anew should a cancel have come between our look and our lock.
    SELECT n.state,
           CASE WHEN n.state IN ('SUCCEEDED', 'FAILED', 'CANCELLED') THEN clock_timestamp() END,
           CASE WHEN n.state = 'SUCCEEDED' THEN i.response END,
           CASE n.state WHEN 'CANCELLED' THEN 1 WHEN 'FAILED' THEN i.code END,
           CASE n.state WHEN 'CANCELLED' THEN 'The operation was cancelled.' WHEN 'FAILED' THEN i.message END,
           -- Only what failed, or could not be read, has a delay.
           CASE WHEN n.state = 'PENDING' THEN clock_timestamp() + make_interval(secs => i.delay) END,
           CASE WHEN n.state = 'PENDING' THEN i.release_reason END,
           -- The worker tells how long before this statement on its monotonic clock; the time is ours. Not the clock's
           -- own: the statement may have waited for a row.
           CASE WHEN n.state = 'CANCELLED' THEN statement_timestamp() - make_interval(secs => i.observed_ago) END,
           CASE WHEN n.state = 'CANCELLED' THEN i.safe_point END,
           CASE WHEN n.state = 'CANCELLED' THEN i.ended_by END,
           -- Kept while it waits: should it be cancelled then, this is what its last attempt left.
           -- An attempt that was given back before its work had begun left nothing, and an earlier one what is noted.
           CASE WHEN n.state NOT IN ('CANCELLED', 'PENDING', 'PAUSED') THEN NULL
                WHEN i.release_reason IS NULL THEN coalesce(i.cleanup, '{"status": "unknown", "outputs": []}'::jsonb)
                WHEN n.state = 'CANCELLED' THEN coalesce(o.cancel_cleanup, '{"status": "removed", "outputs": []}'::jsonb)
                ELSE o.cancel_cleanup END
    FROM (SELECT CASE
        WHEN i.outcome IN ('SUCCEEDED', 'FAILED')                          THEN i.outcome
        -- Nobody gets CANCELLED who was not cancelled, whatever the worker heard.
        WHEN o.cancel_requested_at IS NOT NULL                             THEN 'CANCELLED'
        WHEN i.outcome = 'DEADLINE'                                        THEN 'FAILED'
        WHEN i.outcome = 'RETRY' AND o.failures + 1 >= o.failure_limit     THEN 'FAILED'
        WHEN o.pause_requested_at IS NOT NULL                              THEN 'PAUSED'
        ELSE 'PENDING'
    END AS state) n
),
    nonce = NULL, worker_id = NULL, pause_requested_at = NULL,
    failures    = o.failures + CASE WHEN i.outcome IN ('FAILED', 'RETRY') THEN 1 ELSE 0 END,
    checkpoint  = coalesce(i.checkpoint, o.checkpoint),
    items_done  = CASE WHEN i.release_reason IS NULL THEN i.items_done ELSE o.items_done END,
    items_total = CASE WHEN i.release_reason IS NULL THEN i.items_total ELSE o.items_total END,
    bytes_done  = CASE WHEN i.release_reason IS NULL THEN i.bytes_done ELSE o.bytes_done END,
    cancel_delivered_at = CASE WHEN o.cancel_requested_at IS NOT NULL
                               THEN statement_timestamp() - make_interval(secs => i.delivered_ago) END,
    cancel_delivered_by = CASE WHEN o.cancel_requested_at IS NOT NULL THEN i.delivered_by END,
    update_time = clock_timestamp(),
    revision    = o.revision + 1
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::jsonb[], $6::int[], $7::text[], $8::float8[],
            $9::jsonb[], $10::bigint[], $11::bigint[], $12::bigint[],
            $13::float8[], $14::text[], $15::float8[], $16::text[], $17::jsonb[], $18::text[], $19::text[])
     AS i (id, attempt, nonce, outcome, response, code, message, delay,
           checkpoint, items_done, items_total, bytes_done,
           delivered_ago, delivered_by, observed_ago, safe_point, cleanup, ended_by, release_reason)
WHERE o.id = i.id AND o.attempt = i.attempt AND o.nonce = i.nonce AND o.state = 'RUNNING'
RETURNING o.id, o.state, o.kind, o.cancel_delivered_by,
          extract(epoch FROM o.finish_time - o.cancel_requested_at)::float8 AS cancel_seconds,
          extract(epoch FROM o.cancel_delivered_at - o.cancel_requested_at)::float8 AS delivered_seconds
