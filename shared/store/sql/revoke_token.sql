-- For good. The row stays: it tells who the requester of old operations was.
WITH changed AS (
    UPDATE tokens SET revoke_time = clock_timestamp() WHERE name = $1 AND revoke_time IS NULL
    RETURNING name, projects
), audited AS (
    INSERT INTO audit_log (project_id, principal, verb, resource)
    SELECT project, $2, 'REVOKE_TOKEN', changed.name FROM changed CROSS JOIN unnest(changed.projects) AS project
)
SELECT name FROM changed
