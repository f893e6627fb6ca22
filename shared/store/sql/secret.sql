-- An operation's secret, for the attempt that holds it alone.
SELECT s.key_id, s.sealed
FROM operations o JOIN operation_secrets s ON s.operation_id = o.id
WHERE o.id = $1 AND o.attempt = $2 AND o.nonce = $3 AND o.state = 'RUNNING'
