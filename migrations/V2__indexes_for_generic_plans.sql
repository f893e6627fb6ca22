-- Every statement is planned once a connection (`store::pool`), whatever the tables look like then. So each partial
-- index has a predicate that names the column it is looked up by: a statement that looks for one row by its id does
-- not imply it, and is left with the primary key. Before, an index of what runs looked cheaper than the primary key
-- whenever the statistics were a moment old, and was walked from end to end.

-- Lists of what has not ended say `finish_time IS NULL`; a statement on a row says `NOT done`.
DROP INDEX operations_open;
CREATE INDEX operations_open ON operations (project_id, collection, id DESC) WHERE finish_time IS NULL;
DROP INDEX operations_pending;
CREATE INDEX operations_pending ON operations (kind, project_id, priority DESC, id)
    WHERE state = 'PENDING' AND kind IS NOT NULL;
-- What has an owner runs (CHECK running_has_owner). The claim counts a project's by `worker_id IS NOT NULL` alone, the
-- sweep and the renewal look by the worker and the state, a statement on a row says the state alone.
DROP INDEX operations_running_by_project;
CREATE INDEX operations_running_by_project ON operations (project_id) WHERE worker_id IS NOT NULL;
DROP INDEX operations_running_by_worker;
CREATE INDEX operations_running_by_worker ON operations (worker_id) WHERE state = 'RUNNING' AND worker_id IS NOT NULL;

-- Without it the request to cancel or pause a running operation changes no indexed column: the new version of the row
-- stays in its page, and no index is written. A renewal reads the rows of its own worker instead, a few hundred at most.
DROP INDEX operations_requests;

-- Room for the new versions of a row in its page: progress and requests then touch no index. `store::partitions` makes
-- later partitions alike.
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'operations'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)', partition);
    END LOOP;
END
$$;

-- Of two indexes that look alike, as all do while a partition is empty, the one made last is taken: that must be the
-- primary key, and not one that ends with the id.
ALTER TABLE operations DROP CONSTRAINT operations_pkey, ADD PRIMARY KEY (id);
