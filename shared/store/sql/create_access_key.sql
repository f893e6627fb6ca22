WITH made AS (
    INSERT INTO access_keys (access_key, name, project_id, scopes, key_id, sealed)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
    RETURNING name, project_id, scopes
), audited AS (
    INSERT INTO audit_log (project_id, principal, verb, resource, result)
    SELECT project_id, $7, 'CREATE_ACCESS_KEY', name, array_to_string(scopes, ' ') FROM made
)
SELECT name FROM made
