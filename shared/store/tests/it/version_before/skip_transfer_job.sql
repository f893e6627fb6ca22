-- Passes over an instance of a schedule: its job's latest run has not ended.
UPDATE transfer_jobs SET next_run_time = $4::timestamptz, revision = revision + 1
WHERE project_id = $1::text AND name = $2::text AND revision = $3::bigint AND status = 'ENABLED'
