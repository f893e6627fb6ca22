-- The keys of idempotent creates (AIP-155). A table of their own: a unique key can't span the partitions of
-- `operations`.
CREATE TABLE create_requests (
    project_id   text        NOT NULL,
    -- The caller's `requestId`, or its `Idempotency-Key`.
    request_id   text        NOT NULL,
    -- SHA-256 over what was asked for: the same key with another request is refused.
    fingerprint  bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    operation_id uuid        NOT NULL,
    create_time  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, request_id)
);

-- What `keeper` forgets first.
CREATE INDEX create_requests_by_age ON create_requests (create_time);
