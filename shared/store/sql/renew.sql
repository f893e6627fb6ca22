WITH renewed AS (
    UPDATE workers SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2)
    -- A lease that has ended is not renewed: the sweeper may be at its operations already.
    WHERE id = $1 AND expires_at > clock_timestamp()
    RETURNING id
)
-- One row with no operation says "renewed, nothing is asked"; no row at all says "the lease is lost".
SELECT o.id, o.attempt, o.cancel_requested_at IS NOT NULL AS cancel_requested,
       o.pause_requested_at IS NOT NULL AS pause_requested, o.cancel_mode
FROM renewed
LEFT JOIN operations o ON o.worker_id = renewed.id AND o.state = 'RUNNING'
     AND (o.cancel_requested_at IS NOT NULL OR o.pause_requested_at IS NOT NULL)
