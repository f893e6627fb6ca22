-- Jobs whose time has come, the longest waiting first, and whether the latest run of each has ended. The time by which the
-- next run is found is the database's as well.
SELECT j.*, clock_timestamp() AS now,
       coalesce((SELECT o.finish_time IS NOT NULL FROM operations o WHERE o.id = j.latest_operation), true) AS latest_ended
FROM transfer_jobs j
WHERE j.next_run_time <= clock_timestamp()
ORDER BY j.next_run_time
LIMIT $1
