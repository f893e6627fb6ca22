SELECT cancel_requested_at IS NOT NULL AS cancel_requested
FROM operations
WHERE id = $1 AND attempt = $2 AND nonce = $3 AND state = 'RUNNING'
