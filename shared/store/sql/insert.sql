INSERT INTO operations (id, project_id, collection, kind, target, spec, priority, failure_limit, trace_parent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
-- A create whose answer was lost is sent again with the same id: the first one stands.
ON CONFLICT (id) DO NOTHING
RETURNING *
