-- A page of a project's audit log, newest first.
SELECT sequence, time, principal, host(source_address) AS source_address, request_id, verb, operation_id, resource, result
FROM audit_log
WHERE project_id = $1 AND sequence < $2
ORDER BY sequence DESC
LIMIT $3
