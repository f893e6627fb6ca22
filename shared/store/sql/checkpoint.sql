-- Many attempts of one worker at once. What does not come back is fenced.
UPDATE operations o SET
    items_done  = i.items_done,
    items_total = i.items_total,
    bytes_done  = i.bytes_done,
    checkpoint  = coalesce(i.checkpoint, o.checkpoint),
    update_time = clock_timestamp(),
    revision    = o.revision + 1
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[])
     AS i (id, attempt, nonce, items_done, items_total, bytes_done, checkpoint)
WHERE o.id = i.id AND o.attempt = i.attempt AND o.nonce = i.nonce AND o.state = 'RUNNING'
RETURNING o.id, o.cancel_requested_at IS NOT NULL AS cancel_requested, o.pause_requested_at IS NOT NULL AS pause_requested
