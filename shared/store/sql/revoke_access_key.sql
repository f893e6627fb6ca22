-- For good. The row stays, without its secret: it tells who the requester of old operations was.
WITH changed AS (
    UPDATE access_keys SET revoke_time = clock_timestamp(), sealed = '' WHERE name = $1 AND revoke_time IS NULL
    RETURNING name, project_id
), audited AS (
    INSERT INTO audit_log (project_id, principal, verb, resource)
    SELECT project_id, $2, 'REVOKE_ACCESS_KEY', name FROM changed
)
SELECT name FROM changed
