-- Takes away operations of a kind that ended longer ago than they are kept; those that ended first go first.
WITH expired AS MATERIALIZED (
    SELECT id FROM {partition}
    -- now(), for a clock_timestamp() can't bound the walk over the index.
    WHERE done AND kind = $1 AND finish_time < now() - make_interval(secs => $2)
    ORDER BY finish_time
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), unlabelled AS (
    DELETE FROM operation_labels l USING expired WHERE l.operation_id = expired.id
)
DELETE FROM {partition} o USING expired WHERE o.id = expired.id
