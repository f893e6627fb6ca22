-- Passes over an instance of a schedule: its resource's latest run has not ended.
UPDATE resources SET next_run_time = $5::timestamptz, revision = revision + 1
WHERE project_id = $1::text AND collection = $2::text AND name = $3::text AND revision = $4::bigint AND state = 'ENABLED'
