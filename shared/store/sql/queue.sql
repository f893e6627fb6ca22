-- What waits and runs, by kind, also what its user has deleted: a worker is at it all the same.
WITH RECURSIVE counted AS MATERIALIZED (
    SELECT c.kind, c.state, sum(c.count)::bigint AS count
    FROM (
        SELECT kind, state, count FROM operation_counts WHERE state IN ('PENDING', 'RUNNING') AND kind = ANY ($1)
        UNION ALL
        SELECT kind, to_state, 1 FROM operation_moves WHERE to_state IN ('PENDING', 'RUNNING')
        UNION ALL
        SELECT kind, from_state, -1 FROM operation_moves WHERE from_state IN ('PENDING', 'RUNNING')
    ) c
    GROUP BY c.kind, c.state
), cancelling AS MATERIALIZED (
    -- What runs has a worker: at most as many rows as all workers have slots.
    SELECT kind, count(*) AS count FROM operations
    WHERE worker_id IS NOT NULL AND state = 'RUNNING' AND cancel_requested_at IS NOT NULL
    GROUP BY kind
), waiting (kind, project_id, priority) AS (
    -- The queues of each project and priority, one index probe each, as the claim finds them.
    SELECT k.kind, f.project_id, f.priority
    FROM unnest($1::text[]) AS k (kind) CROSS JOIN LATERAL (
        SELECT o.project_id, o.priority FROM operations o
        WHERE o.state = 'PENDING' AND o.kind = k.kind
        ORDER BY o.project_id, o.priority DESC LIMIT 1
    ) f
    UNION ALL
    SELECT w.kind, f.project_id, f.priority
    FROM waiting w CROSS JOIN LATERAL (
        (SELECT o.project_id, o.priority FROM operations o
         WHERE o.state = 'PENDING' AND o.kind = w.kind AND o.project_id = w.project_id AND o.priority < w.priority
         ORDER BY o.priority DESC LIMIT 1)
        UNION ALL
        (SELECT o.project_id, o.priority FROM operations o
         WHERE o.state = 'PENDING' AND o.kind = w.kind AND o.project_id > w.project_id
         ORDER BY o.project_id, o.priority DESC LIMIT 1)
        ORDER BY project_id, priority DESC LIMIT 1
    ) f
), oldest AS MATERIALIZED (
    SELECT w.kind, min(f.create_time) AS create_time
    FROM waiting w CROSS JOIN LATERAL (
        SELECT o.create_time FROM operations o
        WHERE o.state = 'PENDING' AND o.kind = w.kind AND o.project_id = w.project_id AND o.priority = w.priority
        ORDER BY o.id LIMIT 1
    ) f
    GROUP BY w.kind
)
SELECT k.kind,
       coalesce((SELECT c.count FROM counted c WHERE c.kind = k.kind AND c.state = 'PENDING'), 0) AS pending,
       coalesce((SELECT c.count FROM counted c WHERE c.kind = k.kind AND c.state = 'RUNNING'), 0) AS running,
       coalesce((SELECT c.count FROM cancelling c WHERE c.kind = k.kind), 0) AS cancelling,
       coalesce((SELECT extract(epoch FROM clock_timestamp() - o.create_time) FROM oldest o WHERE o.kind = k.kind),
                0)::float8 AS oldest_pending_seconds
FROM unnest($1::text[]) AS k (kind)
