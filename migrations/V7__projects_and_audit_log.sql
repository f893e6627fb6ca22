-- What a project may have at a time, and who changed what in it.

-- A project is whatever credentials name; a row here gives it limits of its own. Made by `safepoint-keeper project`.
CREATE TABLE projects (
    project_id    text        PRIMARY KEY,
    -- At most so many of its operations wait or stand paused. NULL: what the configuration says of all projects.
    queued_limit  bigint      CHECK (queued_limit >= 0),
    -- At most so many of its operations run at a time. NULL: as many as there are workers for.
    running_limit integer     CHECK (running_limit >= 0),
    -- Goes up with each claim of a project that has a running_limit (`store/sql/claim.sql`).
    claims        bigint      NOT NULL DEFAULT 0,
    create_time   timestamptz NOT NULL DEFAULT clock_timestamp(),
    update_time   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- One row for each change that somebody asked for, written by the statement that makes the change: neither is there
-- without the other. What workers and keepers do by themselves stands in the operation.
CREATE TABLE audit_log (
    -- The order of the list. Entries of two transactions at the same moment may stand the other way round.
    sequence       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    time           timestamptz NOT NULL DEFAULT clock_timestamp(),
    project_id     text        NOT NULL,
    principal      text        NOT NULL,
    -- The peer of the connection. NULL: it was no call (a command on a machine of ours, a cancel of many).
    source_address inet,
    -- X-Request-Id of the call; the operation's name where a cancel of many did it.
    request_id     text,
    verb           text        NOT NULL,
    operation_id   uuid,
    -- What is no operation: a token's name.
    resource       text,
    -- The operation's state after the change.
    result         text
);

CREATE INDEX audit_log_by_project   ON audit_log (project_id, sequence DESC);
CREATE INDEX audit_log_by_operation ON audit_log (operation_id, sequence DESC) WHERE operation_id IS NOT NULL;

-- Append-only: whoever may write our tables can't rewrite what was done. `keeper` takes away what is old
-- (`store/sql/forget_audit_log.sql`); its role alone may delete.
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
