WITH made AS (
    INSERT INTO tokens (name, sha256, projects, scopes, expire_time)
    VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
    ON CONFLICT DO NOTHING
    RETURNING name, projects, scopes
), audited AS (
    INSERT INTO audit_log (project_id, principal, verb, resource, result)
    SELECT project, $6, 'CREATE_TOKEN', made.name, array_to_string(made.scopes, ' ')
    FROM made CROSS JOIN unnest(made.projects) AS project
)
SELECT name FROM made
