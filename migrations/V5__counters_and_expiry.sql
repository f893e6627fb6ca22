-- How many operations are in which state, exactly and without counting them; and what expiry needs.
--
-- A transition adds a row that says from where to where: no row is shared between two transitions, so none waits for
-- another. `keeper` folds them into `operation_counts` (`store/sql/compact.sql`), and a read sums up both tables in one
-- statement, hence one snapshot. The counts are kept by partition: one that is dropped takes its counts along.

CREATE TABLE operation_moves (
    partition_name text    NOT NULL,
    project_id     text    NOT NULL,
    kind           text    NOT NULL,
    -- Deleted by its user: no list shows it, though a worker may still be at it.
    hidden         boolean NOT NULL,
    -- NULL: it was not there, or is there no more.
    from_state     text,
    to_state       text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- A project's moves, and the order of the compaction: what belongs to one count lies together.
CREATE INDEX operation_moves_by_project ON operation_moves (project_id);

CREATE TABLE operation_counts (
    project_id     text    NOT NULL,
    kind           text    NOT NULL,
    state          text    NOT NULL,
    hidden         boolean NOT NULL,
    partition_name text    NOT NULL,
    -- Below zero for a moment, where a compaction took the end of a life before its beginning: only the sum over both
    -- tables says something.
    count          bigint  NOT NULL,
    PRIMARY KEY (project_id, kind, state, hidden, partition_name)
) WITH (fillfactor = 50);

-- The depth of the queue, over all projects (`queue.sql`).
CREATE INDEX operation_counts_of_queue ON operation_counts (kind) WHERE state IN ('PENDING', 'RUNNING');
-- What goes with a partition (`drop_partition.sql`).
CREATE INDEX operation_counts_by_partition ON operation_counts (partition_name);

CREATE FUNCTION count_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In an INSERT there is no OLD and in a DELETE no NEW: their columns are NULL.
    INSERT INTO operation_moves (partition_name, project_id, kind, hidden, from_state, to_state)
    VALUES (TG_TABLE_NAME, coalesce(NEW.project_id, OLD.project_id), coalesce(NEW.kind, OLD.kind),
            CASE TG_OP WHEN 'INSERT' THEN NEW.delete_time ELSE OLD.delete_time END IS NOT NULL,
            OLD.state, NEW.state);
    RETURN NULL;
END
$$;

CREATE FUNCTION count_hidden_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operation_moves (partition_name, project_id, kind, hidden, from_state, to_state)
    VALUES (TG_TABLE_NAME, NEW.project_id, NEW.kind, OLD.delete_time IS NOT NULL, NEW.state, NULL),
           (TG_TABLE_NAME, NEW.project_id, NEW.kind, NEW.delete_time IS NOT NULL, NULL, NEW.state);
    RETURN NULL;
END
$$;

-- Each fires for what it counts alone: a checkpoint, or the request to cancel what runs, costs nothing.
CREATE TRIGGER operations_count_new AFTER INSERT ON operations
    FOR EACH ROW EXECUTE FUNCTION count_operation();
CREATE TRIGGER operations_count_move AFTER UPDATE OF state ON operations
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION count_operation();
CREATE TRIGGER operations_count_hidden AFTER UPDATE OF delete_time ON operations
    FOR EACH ROW WHEN ((OLD.delete_time IS NULL) IS DISTINCT FROM (NEW.delete_time IS NULL))
    EXECUTE FUNCTION count_hidden_operation();
CREATE TRIGGER operations_count_gone AFTER DELETE ON operations
    FOR EACH ROW EXECUTE FUNCTION count_operation();

-- What is there already. The triggers' lock stands until the end of this migration, so nothing changes meanwhile.
INSERT INTO operation_counts (project_id, kind, state, hidden, partition_name, count)
SELECT o.project_id, o.kind, o.state, o.delete_time IS NOT NULL, t.relname, count(*)
FROM operations o JOIN pg_class t ON t.oid = o.tableoid
GROUP BY 1, 2, 3, 4, 5;

-- What has ended, by kind and age: what expires first (`expire.sql`). It says `done`, as no list and no statement on a
-- row does, so that none of them is planned through it.
CREATE INDEX operations_ended ON operations (kind, finish_time) WHERE done;
