-- What the native API adds to an operation: labels, a deadline, a retry policy, the mode of a cancel, and what tells
-- why it still runs.

ALTER TABLE operations
    -- The caller's own words, e.g. {"env": "prod"}. What lists look for stands in operation_labels too.
    ADD COLUMN labels                    jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    -- When it fails with DEADLINE_EXCEEDED if it has not ended.
    ADD COLUMN deadline                  timestamptz,
    -- The wait after the first failure; doubled with each one, up to the longest.
    ADD COLUMN retry_initial_millis      integer     NOT NULL DEFAULT 1000 CHECK (retry_initial_millis >= 0),
    ADD COLUMN retry_longest_millis      integer     NOT NULL DEFAULT 300000
        CHECK (retry_longest_millis >= retry_initial_millis),
    -- The operation that this one tries again.
    ADD COLUMN retry_of                  uuid,
    -- Which safe points a cancel stops at.
    ADD COLUMN cancel_mode               text        CHECK (cancel_mode IN ('now', 'after_current_item')),
    -- The attempt's last safe point, and its speed, as of the last stored progress.
    ADD COLUMN safe_point                text,
    ADD COLUMN safe_point_time           timestamptz,
    ADD COLUMN items_per_second          double precision CHECK (items_per_second >= 0),
    ADD CONSTRAINT cancel_has_mode CHECK (cancel_requested_at IS NOT NULL OR cancel_mode IS NULL);

-- What `fail_overdue` looks for: what has a deadline and no end. The predicate names the column it is looked up by (V2).
CREATE INDEX operations_by_deadline ON operations (deadline) WHERE deadline IS NOT NULL AND finish_time IS NULL;

-- One row a label, in the order of the ids: a list by label is an index scan, whatever else the operation changes.
-- A table of its own, since an index of `labels` would be written with each change of an indexed column.
CREATE TABLE operation_labels (
    project_id   text NOT NULL,
    key          text NOT NULL,
    value        text NOT NULL,
    operation_id uuid NOT NULL,
    PRIMARY KEY (project_id, key, value, operation_id)
);

-- What goes when its operation has expired.
CREATE INDEX operation_labels_by_operation ON operation_labels (operation_id);
