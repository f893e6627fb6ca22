-- One page of the jobs whose time has come, the longest waiting first, and whether the latest run of each has ended. The time
-- by which the next run is found is the database's as well.
SELECT j.*, clock_timestamp() AS now,
       coalesce((SELECT o.finish_time IS NOT NULL FROM operations o WHERE o.id = j.latest_operation), true) AS latest_ended
FROM transfer_jobs j
-- now(), for a clock_timestamp() can't bound the walk over the index.
WHERE j.next_run_time <= now()
  AND (j.next_run_time, j.project_id, j.name) > (coalesce($2::timestamptz, '-infinity'), $3::text, $4::text)
ORDER BY j.next_run_time, j.project_id, j.name
LIMIT $1
