-- Resources of vendors that operations are made of, in one table: transfer jobs so far.

-- No writer between the copy and the view. Statements that wait for this lock find the view when they go on.
LOCK TABLE transfer_jobs IN ACCESS EXCLUSIVE MODE;

CREATE TABLE resources (
    project_id       text        NOT NULL,
    -- Which sort of a vendor's resource it is: `transferJobs`.
    -- The default is for the view `transfer_jobs` only, and goes with it.
    collection       text        NOT NULL DEFAULT 'transferJobs',
    -- `{collection}/…`
    name             text        NOT NULL,
    -- Its vendor's word. Two are the same for all: DELETED is final, and only what is ENABLED runs by itself.
    state            text        NOT NULL,
    -- What it is, in the form of its own collection. Statements never look into it.
    content          jsonb       NOT NULL,
    -- When the keeper runs it next. NULL: not by a schedule any more, or by none.
    next_run_time    timestamptz,
    -- The newest run. It may have been deleted since, or have expired.
    latest_operation uuid,
    -- Goes up with each change: who changes it names the one that it has seen.
    revision         bigint      NOT NULL DEFAULT 1,
    create_time      timestamptz NOT NULL,
    update_time      timestamptz NOT NULL DEFAULT clock_timestamp(),
    delete_time      timestamptz,
    PRIMARY KEY (project_id, collection, name),
    CONSTRAINT name_begins_with_collection CHECK (starts_with(name, collection || '/')),
    CONSTRAINT deleted_has_delete_time CHECK ((state = 'DELETED') = (delete_time IS NOT NULL)),
    CONSTRAINT only_enabled_runs_by_itself CHECK (next_run_time IS NULL OR state = 'ENABLED'),
    CONSTRAINT transfer_job_state_is_known
        CHECK (collection <> 'transferJobs' OR state IN ('ENABLED', 'DISABLED', 'DELETED'))
);

INSERT INTO resources (project_id, collection, name, state, content, next_run_time, latest_operation, revision,
                       create_time, update_time, delete_time)
SELECT project_id, 'transferJobs', name, status, job, next_run_time, latest_operation, revision,
       create_time, update_time, delete_time
FROM transfer_jobs;

-- `due_resources.sql`: what the keeper looks for about once a second, page by page.
CREATE INDEX resources_due ON resources (next_run_time, project_id, collection, name) WHERE next_run_time IS NOT NULL;
-- `forget_resources.sql`: what goes after a while.
CREATE INDEX resources_deleted ON resources (collection, delete_time) WHERE delete_time IS NOT NULL;

-- Replicas of the version before know only `transfer_jobs`. For them it becomes a view of the same rows, which Postgres
-- updates by itself: their statements, `ON CONFLICT DO NOTHING` and locks of rows included, work on `resources`, so that a
-- run of theirs and one of a new replica exclude each other by the row's revision. A release later the view goes, with the
-- default above.
ALTER TABLE transfer_jobs RENAME TO transfer_jobs_copied;
CREATE VIEW transfer_jobs AS
SELECT project_id, name, state AS status, content AS job, next_run_time, latest_operation, revision, create_time,
       update_time, delete_time
FROM resources
WHERE collection = 'transferJobs';

-- What each role may do with the table it may do with the view, from the first moment on: the rights of this version are
-- given after the migrations.
DO $rights$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT acl.grantee::regrole AS role, acl.privilege_type AS privilege, '' AS columns
        FROM pg_class c, aclexplode(c.relacl) acl
        WHERE c.oid = 'transfer_jobs_copied'::regclass AND acl.grantee NOT IN (0, c.relowner)
        UNION ALL
        SELECT acl.grantee::regrole, acl.privilege_type, format('(%I)', a.attname)
        FROM pg_class c, pg_attribute a, aclexplode(a.attacl) acl
        WHERE c.oid = 'transfer_jobs_copied'::regclass AND a.attrelid = c.oid AND acl.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT %s %s ON transfer_jobs TO %s', given.privilege, given.columns, given.role);
    END LOOP;
END
$rights$;

DROP TABLE transfer_jobs_copied;
