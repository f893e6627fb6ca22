-- Jobs that transfer objects again and again, and the messages that tell of their ends.

CREATE TABLE transfer_jobs (
    project_id       text        NOT NULL,
    -- `transferJobs/…`
    name             text        NOT NULL CHECK (starts_with(name, 'transferJobs/')),
    status           text        NOT NULL CHECK (status IN ('ENABLED', 'DISABLED', 'DELETED')),
    -- `operation::transfer::TransferJob`
    job              jsonb       NOT NULL,
    -- When the keeper runs it next. NULL: not by its schedule any more, or by none.
    next_run_time    timestamptz,
    -- The newest run. It may have been deleted since, or have expired.
    latest_operation uuid,
    -- Goes up with each change: who changes it names the one that it has seen.
    revision         bigint      NOT NULL DEFAULT 1,
    create_time      timestamptz NOT NULL,
    update_time      timestamptz NOT NULL DEFAULT clock_timestamp(),
    delete_time      timestamptz,
    PRIMARY KEY (project_id, name),
    CHECK ((status = 'DELETED') = (delete_time IS NOT NULL)),
    CHECK (next_run_time IS NULL OR status = 'ENABLED')
);

-- What the keeper looks for about once a second, page by page.
CREATE INDEX transfer_jobs_due ON transfer_jobs (next_run_time, project_id, name) WHERE next_run_time IS NOT NULL;
-- What goes after a while.
CREATE INDEX transfer_jobs_deleted ON transfer_jobs (delete_time) WHERE delete_time IS NOT NULL;

-- When somebody was told of the end of an operation whose spec asks for that; by keepers alone.
ALTER TABLE operations ADD COLUMN notify_time timestamptz;
-- When a keeper took it on to tell somebody. If nobody was told a while later, another may.
ALTER TABLE operations ADD COLUMN notify_claim_time timestamptz;
CREATE INDEX operations_to_notify ON operations (finish_time)
    WHERE kind = 'storage.transfer' AND spec ? 'notification' AND notify_time IS NULL AND finish_time IS NOT NULL;
