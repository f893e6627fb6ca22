-- A run of a job: the operation, and the job that names it, come to be together. The caller has seen the job, and that its
-- latest run has ended; whoever else ran, changed or deleted the job since has changed its revision, and then nothing
-- happens. So an instance of a schedule is run once, over any number of keepers, and a job has one active run.
WITH job AS (
    UPDATE transfer_jobs SET
        latest_operation = $4::uuid,
        next_run_time    = $5::timestamptz,
        update_time      = clock_timestamp(),
        revision         = revision + 1
    WHERE project_id = $1::text AND name = $2::text AND revision = $3::bigint AND status <> 'DELETED'
    RETURNING *
), made AS (
    INSERT INTO operations (id, project_id, collection, kind, target, spec, trace_parent, failure_limit,
                            retry_initial_millis, retry_longest_millis)
    SELECT $4::uuid, project_id, 'transferOperations', 'storage.transfer', name, $6::jsonb, $7::text, $8::integer,
           $9::integer, $10::integer
    FROM job
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, resource, result)
    SELECT project_id, $11::text, $12::text::inet, $13::text, 'CREATE', id, target, state FROM made
)
SELECT * FROM made
