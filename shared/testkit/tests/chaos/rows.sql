SELECT id::text AS id, spec->>'object' AS object, (spec->>'steps')::bigint AS steps, state, attempt, failures, failure_limit, items_done,
       error_code, error_message, cancel_cleanup->>'status' AS cleanup, cancel_delivered_by AS road, cancel_ended_by AS ended_by,
       (extract(epoch FROM cancel_requested_at) * 1000000)::bigint AS cancelled_at,
       (extract(epoch FROM finish_time) * 1000000)::bigint AS ended_at,
       delete_time IS NOT NULL AS deleted,
       ARRAY(SELECT verb FROM audit_log WHERE operation_id = operations.id ORDER BY sequence) AS audited
FROM operations
ORDER BY operations.id
