-- How many operations a project has, by kind and state: those that a list shows, and those that were deleted and have not
-- ended. One statement, one snapshot: what a compaction moves from one table to the other is seen in exactly one of them.
SELECT c.kind, c.state, sum(c.count)::bigint AS count
FROM (
    SELECT kind, state, hidden, count FROM operation_counts WHERE project_id = $1
    UNION ALL
    SELECT kind, to_state, hidden, 1 FROM operation_moves WHERE project_id = $1 AND to_state IS NOT NULL
    UNION ALL
    SELECT kind, from_state, hidden, -1 FROM operation_moves WHERE project_id = $1 AND from_state IS NOT NULL
) c
WHERE NOT c.hidden OR c.state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
GROUP BY c.kind, c.state
HAVING sum(c.count) <> 0
ORDER BY c.kind COLLATE "C", c.state COLLATE "C"
