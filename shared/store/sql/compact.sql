-- Folds moves into counts. What is folded and what it adds to come to be together, or neither does.
WITH alone AS MATERIALIZED (
    -- Another compaction is at it, or a partition is dropped with its counts (drop_partition.sql): the next turn will do.
    SELECT pg_try_advisory_xact_lock(7350220573) AS held
), taken AS (
    DELETE FROM operation_moves WHERE ctid = ANY (ARRAY(
        -- Nobody else deletes moves, and they never change.
        SELECT m.ctid FROM operation_moves m WHERE (SELECT held FROM alone) ORDER BY m.project_id LIMIT $1
    ))
    RETURNING *
), changes AS (
    SELECT project_id, kind, state, hidden, partition_name, sum(change) AS change
    FROM (SELECT project_id, kind, to_state, hidden, partition_name, 1 FROM taken WHERE to_state IS NOT NULL
          UNION ALL
          SELECT project_id, kind, from_state, hidden, partition_name, -1 FROM taken WHERE from_state IS NOT NULL
         ) c (project_id, kind, state, hidden, partition_name, change)
    GROUP BY project_id, kind, state, hidden, partition_name
    HAVING sum(change) <> 0
), folded AS (
    INSERT INTO operation_counts AS c (project_id, kind, state, hidden, partition_name, count)
    SELECT project_id, kind, state, hidden, partition_name, change FROM changes
    ON CONFLICT (project_id, kind, state, hidden, partition_name) DO UPDATE SET count = c.count + excluded.count
)
SELECT count(*) AS moves FROM taken
