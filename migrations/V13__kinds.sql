-- The kinds of operations that workers run, as the workers tell.

CREATE TABLE kinds (
    name                     text        PRIMARY KEY
                             CHECK (name ~ '^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*){1,2}$' AND length(name) <= 63),
    -- What its progress counts.
    unit                     text        NOT NULL,
    safe_point_bound_millis  bigint      NOT NULL CHECK (safe_point_bound_millis > 0),
    stop_bound_millis        bigint      NOT NULL CHECK (stop_bound_millis > 0),
    -- Whether its operations count against what a project may have queued and running.
    counts_against_quotas    boolean     NOT NULL,
    -- Whether it can be used only where the operator has switched it on.
    opt_in                   boolean     NOT NULL,
    -- JSON Schema of its parameters. NULL: its operations are created by the product's own requests.
    spec_schema              jsonb,
    register_time            timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The statements of limits ask for it before the first worker of this version has come.
INSERT INTO kinds (name, unit, safe_point_bound_millis, stop_bound_millis, counts_against_quotas, opt_in)
VALUES ('operations.cancel', 'operations', 10000, 20000, false, false);

ALTER TABLE operations
    -- Why an attempt gave the operation back before its work had begun: the worker could not read its parameters. Gone when
    -- the next attempt begins.
    ADD COLUMN release_reason text;
