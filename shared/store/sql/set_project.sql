-- All limits of a project at once: what is NULL is lifted.
WITH changed AS (
    INSERT INTO projects (project_id, queued_limit, running_limit) VALUES ($1, $2, $3)
    ON CONFLICT (project_id) DO UPDATE SET
        queued_limit = excluded.queued_limit, running_limit = excluded.running_limit, update_time = clock_timestamp()
    RETURNING project_id, queued_limit, running_limit
)
INSERT INTO audit_log (project_id, principal, verb, result)
SELECT project_id, $4, 'SET_LIMITS',
       format('queued %s, running %s', coalesce(queued_limit::text, '-'), coalesce(running_limit::text, '-'))
FROM changed
