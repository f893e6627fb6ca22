-- A page of what was done to one operation of the project, newest first.
SELECT sequence, time, principal, host(source_address) AS source_address, request_id, verb, operation_id, resource, result
FROM audit_log
WHERE operation_id = $4 AND project_id = $1 AND sequence < $2
ORDER BY sequence DESC
LIMIT $3
