-- A job, and whether its latest run has ended, or there is none: as `due_transfer_jobs.sql` tells it.
SELECT j.*, clock_timestamp() AS now,
       coalesce((SELECT o.finish_time IS NOT NULL FROM operations o WHERE o.id = j.latest_operation), true) AS latest_ended
FROM transfer_jobs j
WHERE j.project_id = $1 AND j.name = $2
