-- The projects that have limits of their own, or operations; with what waits and runs now. One statement, one snapshot
-- (counts.sql).
WITH moved AS MATERIALIZED (
    SELECT project_id, kind, state, count FROM operation_counts
    UNION ALL
    SELECT project_id, kind, to_state, 1 FROM operation_moves WHERE to_state IS NOT NULL
    UNION ALL
    SELECT project_id, kind, from_state, -1 FROM operation_moves WHERE from_state IS NOT NULL
), counted AS (
    SELECT project_id,
           coalesce(sum(count) FILTER (WHERE state IN ('PENDING', 'PAUSED')), 0)::bigint AS queued,
           coalesce(sum(count) FILTER (WHERE state = 'RUNNING'), 0)::bigint AS running
    FROM moved
    -- As the limits count.
    WHERE kind <> ALL (ARRAY(SELECT name FROM kinds WHERE NOT counts_against_quotas))
    GROUP BY project_id
)
SELECT project_id, p.queued_limit, p.running_limit, coalesce(c.queued, 0) AS queued, coalesce(c.running, 0) AS running
FROM projects p FULL JOIN counted c USING (project_id)
ORDER BY project_id
