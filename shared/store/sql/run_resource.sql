-- A run of a resource: the operation, and the resource that names it, come to be together. The caller has seen the resource,
-- and that its latest run has ended; whoever else ran, changed or deleted it since has changed its revision, and then
-- nothing happens. So an instance of a schedule is run once, over any number of keepers, and a resource has one active run.
WITH resource AS (
    UPDATE resources SET
        latest_operation = $5::uuid,
        next_run_time    = $6::timestamptz,
        update_time      = clock_timestamp(),
        revision         = revision + 1
    WHERE project_id = $1::text AND collection = $2::text AND name = $3::text AND revision = $4::bigint
      AND state <> 'DELETED'
    RETURNING *
), made AS (
    INSERT INTO operations (id, project_id, collection, kind, target, spec, trace_parent, failure_limit,
                            retry_initial_millis, retry_longest_millis)
    SELECT $5::uuid, project_id, $7::text, $8::text, name, $9::jsonb, $10::text, $11::integer, $12::integer, $13::integer
    FROM resource
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, resource, result)
    SELECT project_id, $14::text, $15::text::inet, $16::text, 'CREATE', id, target, state FROM made
)
SELECT * FROM made
