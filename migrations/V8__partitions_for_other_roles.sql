-- Partitions are made and dropped by `keeper`, whose role does not own `operations`: these functions run as their owner,
-- and do just that. Who may call them is said by `safepoint-keeper migrate` (`shared/store/grants`).

CREATE FUNCTION create_operations_partition(name text, first_id uuid, end_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF name IS NULL OR name !~ '^operations_[0-9]{4}w[0-9]{2}$' THEN
        RAISE EXCEPTION 'no name of a partition' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF operations FOR VALUES FROM (%L) TO (%L)
                    WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)', name, first_id, end_id);
    -- Its rows expire by its own name. Who may make a partition may take away what is in it.
    EXECUTE format('GRANT SELECT, UPDATE, DELETE ON %I TO %I', name, session_user);
END
$$;

-- Drops a partition with its counts, if all in it ended longer ago than anything is kept. One statement: whatever becomes of
-- its caller meanwhile, nothing stays locked.
CREATE FUNCTION drop_operations_partition(name text, kept_seconds float8) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    locked boolean := false;
    needed boolean;
BEGIN
    IF name IS NULL OR name !~ '^operations_[0-9]{4}w[0-9]{2}$' THEN
        RAISE EXCEPTION 'no name of a partition' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Whoever comes behind us waits no longer than this.
    SET LOCAL lock_timeout = '100ms';
    -- One at a time, and no compaction meanwhile: it may not add to the counts of a partition that is gone (compact.sql).
    PERFORM pg_advisory_xact_lock(7350220573);
    LOOP
        -- Something has not ended, or not long enough ago: the newest end of each kind tells.
        EXECUTE format($look$
            SELECT EXISTS (SELECT FROM %1$I WHERE finish_time IS NULL) OR EXISTS (
                WITH RECURSIVE kinds (kind) AS (
                    (SELECT kind FROM %1$I WHERE done ORDER BY kind LIMIT 1)
                    UNION ALL
                    SELECT (SELECT p.kind FROM %1$I p WHERE p.done AND p.kind > k.kind ORDER BY p.kind LIMIT 1)
                    FROM kinds k WHERE k.kind IS NOT NULL
                )
                SELECT FROM kinds k CROSS JOIN LATERAL (
                    SELECT FROM %1$I p
                    WHERE p.done AND p.kind = k.kind AND p.finish_time >= now() - make_interval(secs => $1)
                    LIMIT 1
                ) young
            )
        $look$, name) INTO needed USING kept_seconds;
        IF needed THEN
            RETURN;
        END IF;
        EXIT WHEN locked;
        -- So it seems: see to it that it stays so, and look again.
        LOCK TABLE ONLY operations IN ACCESS EXCLUSIVE MODE;
        locked := true;
    END LOOP;
    EXECUTE format('DROP TABLE %I', name);
    DELETE FROM operation_moves WHERE partition_name = name;
    DELETE FROM operation_counts WHERE partition_name = name;
END
$$;

REVOKE ALL ON FUNCTION create_operations_partition, drop_operations_partition FROM PUBLIC;
