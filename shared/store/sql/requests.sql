-- What is asked of these operations of this worker: the look that follows a hint. Row by row, by the primary key:
-- DISTINCT, lest the index of all that the worker runs be walked for them.
SELECT o.id, o.attempt, o.cancel_requested_at IS NOT NULL AS cancel_requested,
       o.pause_requested_at IS NOT NULL AS pause_requested, o.cancel_mode
FROM unnest($2::uuid[]) AS hint (id) JOIN operations o ON o.id = hint.id
WHERE o.worker_id IS NOT DISTINCT FROM $1 AND o.state = 'RUNNING'
  AND (o.cancel_requested_at IS NOT NULL OR o.pause_requested_at IS NOT NULL)
