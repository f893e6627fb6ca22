-- Drops a partition with its counts, if all in it ended longer ago than anything is kept. One message to the server:
-- whatever becomes of us meanwhile, nothing stays locked. The texts put in are the name and a number, none of a user's.
DO $drop$
DECLARE
    locked boolean := false;
BEGIN
    -- Whoever comes behind us waits no longer than this.
    SET LOCAL lock_timeout = '100ms';
    -- One at a time, and no compaction meanwhile: it may not add to the counts of a partition that is gone (compact.sql).
    PERFORM pg_advisory_xact_lock(7350220573);
    LOOP
        -- Something has not ended, or not long enough ago: the newest end of each kind tells.
        IF EXISTS (SELECT FROM {partition} WHERE finish_time IS NULL) OR EXISTS (
            WITH RECURSIVE kinds (kind) AS (
                (SELECT kind FROM {partition} WHERE done ORDER BY kind LIMIT 1)
                UNION ALL
                SELECT (SELECT p.kind FROM {partition} p WHERE p.done AND p.kind > k.kind ORDER BY p.kind LIMIT 1)
                FROM kinds k WHERE k.kind IS NOT NULL
            )
            SELECT FROM kinds k CROSS JOIN LATERAL (
                SELECT FROM {partition} p
                WHERE p.done AND p.kind = k.kind AND p.finish_time >= now() - make_interval(secs => {kept})
                LIMIT 1
            ) young
        ) THEN
            RETURN;
        END IF;
        EXIT WHEN locked;
        -- So it seems: see to it that it stays so, and look again.
        LOCK TABLE ONLY operations IN ACCESS EXCLUSIVE MODE;
        locked := true;
    END LOOP;
    DROP TABLE {partition};
    DELETE FROM operation_moves WHERE partition_name = '{partition}';
    DELETE FROM operation_counts WHERE partition_name = '{partition}';
END
$drop$
