-- Operations, the workers that run them, and the partitions they lie in.
-- Each rule that SQL can hold is a constraint here as well as a condition in the statements of `store`.

CREATE TABLE operations (
    -- UUIDv7 made by the api: rows lie in the order of their creation.
    id                uuid        NOT NULL,
    project_id        text        NOT NULL,
    -- The list a vendor's client sees it in, e.g. 'alloydb/us-central1'; 'native' for the native API alone.
    collection        text        NOT NULL,
    kind              text        NOT NULL,
    -- The resource the work is done on, e.g. a cluster's resource name.
    target            text        NOT NULL,
    spec              jsonb       NOT NULL,
    priority          smallint    NOT NULL DEFAULT 0,

    state             text        NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    done              boolean     NOT NULL GENERATED ALWAYS AS (state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) STORED,
    -- Goes up with each change that a reader can see.
    revision          bigint      NOT NULL DEFAULT 1,

    -- The fence (attempt, nonce) and the owner. attempt is never reset; nonce and owner stand only while RUNNING.
    attempt           integer     NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    nonce             uuid,
    worker_id         uuid,
    failures          integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failure_limit     integer     NOT NULL DEFAULT 5 CHECK (failure_limit >= 1),
    -- A failed operation waits until then.
    not_before        timestamptz,

    create_time       timestamptz NOT NULL DEFAULT clock_timestamp(),
    start_time        timestamptz,
    claim_time        timestamptz,
    update_time       timestamptz NOT NULL DEFAULT clock_timestamp(),
    finish_time       timestamptz,
    delete_time       timestamptz,

    checkpoint        jsonb,
    items_done        bigint      NOT NULL DEFAULT 0,
    items_total       bigint,
    bytes_done        bigint      NOT NULL DEFAULT 0,

    response          jsonb,
    error_code        integer     CHECK (error_code BETWEEN 1 AND 16),
    error_message     text,

    -- Facts beside the state, never states. The cancel's columns are its receipt.
    pause_requested_at          timestamptz,
    cancel_requested_at         timestamptz,
    cancel_requested_by         text,
    cancel_reason               text,
    cancel_delivered_at         timestamptz,
    cancel_delivered_by         text CHECK (cancel_delivered_by IN ('push', 'renewal', 'checkpoint')),
    cancel_observed_at          timestamptz,
    cancel_observed_safe_point  text,
    cancel_cleanup              jsonb,

    -- W3C traceparent of the create request.
    trace_parent      text,

    PRIMARY KEY (id),
    CONSTRAINT done_has_an_end        CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finish_time IS NOT NULL)),
    CONSTRAINT succeeded_has_response CHECK ((state = 'SUCCEEDED') = (response IS NOT NULL)),
    CONSTRAINT failed_has_error       CHECK ((state IN ('FAILED', 'CANCELLED')) = (error_code IS NOT NULL)),
    CONSTRAINT error_has_message      CHECK ((error_code IS NULL) = (error_message IS NULL)),
    -- Nobody gets CANCELLED who was not cancelled, and nobody gets code 1 otherwise.
    CONSTRAINT cancelled_is_code_1    CHECK ((state = 'CANCELLED') = (error_code IS NOT DISTINCT FROM 1)),
    CONSTRAINT cancelled_was_asked    CHECK (state <> 'CANCELLED' OR cancel_requested_at IS NOT NULL),
    CONSTRAINT waiting_is_not_cancelled CHECK (state NOT IN ('PENDING', 'PAUSED') OR cancel_requested_at IS NULL),
    CONSTRAINT running_has_owner      CHECK ((state = 'RUNNING') = (worker_id IS NOT NULL AND nonce IS NOT NULL)),
    CONSTRAINT running_was_claimed    CHECK (state <> 'RUNNING' OR attempt >= 1),
    CONSTRAINT requester_is_known     CHECK ((cancel_requested_at IS NULL) = (cancel_requested_by IS NULL))
) PARTITION BY RANGE (id);

-- Lists: newest first, within a project, a collection, or a target. Ids are time-ordered, so the key is the order.
CREATE INDEX operations_by_project    ON operations (project_id, id DESC);
CREATE INDEX operations_by_collection ON operations (project_id, collection, id DESC);
CREATE INDEX operations_by_target     ON operations (project_id, target, id DESC);
-- What has not ended: a few rows among many.
CREATE INDEX operations_open ON operations (project_id, collection, id DESC) WHERE NOT done;
-- Claims: by project, then priority, then age.
CREATE INDEX operations_pending ON operations (kind, project_id, priority DESC, id) WHERE state = 'PENDING';
-- The share of a project that runs now (fairness), and what a worker owns (sweep, reconcile).
CREATE INDEX operations_running_by_project ON operations (project_id) WHERE state = 'RUNNING';
CREATE INDEX operations_running_by_worker  ON operations (worker_id) WHERE state = 'RUNNING';
-- What a renewal must tell its worker: only the rows with a request.
CREATE INDEX operations_requests ON operations (worker_id)
    WHERE state = 'RUNNING' AND (cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL);

-- Catches ids whose clock is far off; `keeper` makes the others ahead of time.
CREATE TABLE operations_default PARTITION OF operations DEFAULT;

-- One row a living worker process. Renewed every 2 s: no index on what changes, room for HOT updates.
CREATE TABLE workers (
    id          uuid        PRIMARY KEY,
    host        text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL
) WITH (fillfactor = 50);
