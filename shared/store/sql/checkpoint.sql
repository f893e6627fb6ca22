-- Many attempts of one worker at once. What does not come back is fenced.
UPDATE operations o SET
    items_done  = i.items_done,
    items_total = i.items_total,
    bytes_done  = i.bytes_done,
    checkpoint  = coalesce(i.checkpoint, o.checkpoint),
    items_per_second = i.items_per_second,
    safe_point       = coalesce(i.safe_point, o.safe_point),
    safe_point_time  = coalesce(clock_timestamp() - make_interval(secs => i.safe_point_ago), o.safe_point_time),
    update_time = clock_timestamp(),
    revision    = o.revision + 1
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[],
            $8::float8[], $9::text[], $10::float8[])
     AS i (id, attempt, nonce, items_done, items_total, bytes_done, checkpoint,
           items_per_second, safe_point, safe_point_ago)
WHERE o.id = i.id AND o.attempt = i.attempt AND o.nonce = i.nonce AND o.state = 'RUNNING'
RETURNING o.id, o.cancel_requested_at IS NOT NULL AS cancel_requested, o.pause_requested_at IS NOT NULL AS pause_requested,
          o.cancel_mode
