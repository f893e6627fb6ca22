-- What waits or stands paused in a project, whether a list shows it or not; and how much may. Kinds that
-- count against no limit are left out. One statement, one snapshot (counts.sql).
SELECT (SELECT queued_limit FROM projects WHERE project_id = $1) AS queued_limit,
       coalesce(sum(c.count), 0)::bigint AS queued
FROM (
    SELECT kind, state, count FROM operation_counts WHERE project_id = $1
    UNION ALL
    SELECT kind, to_state, 1 FROM operation_moves WHERE project_id = $1 AND to_state IS NOT NULL
    UNION ALL
    SELECT kind, from_state, -1 FROM operation_moves WHERE project_id = $1 AND from_state IS NOT NULL
) c
WHERE c.state IN ('PENDING', 'PAUSED')
  AND c.kind <> ALL (ARRAY(SELECT name FROM kinds WHERE NOT counts_against_quotas))
