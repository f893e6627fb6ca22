-- One page of the resources whose time has come, of all collections, the longest waiting first, and whether the latest run
-- of each has ended. The time by which the next run is found is the database's as well.
SELECT r.*, clock_timestamp() AS now,
       coalesce((SELECT o.finish_time IS NOT NULL FROM operations o WHERE o.id = r.latest_operation), true) AS latest_ended
FROM resources r
-- now(), for a clock_timestamp() can't bound the walk over the index.
WHERE r.next_run_time <= now()
  AND (r.next_run_time, r.project_id, r.collection, r.name)
      > (coalesce($2::timestamptz, '-infinity'), $3::text, $4::text, $5::text)
ORDER BY r.next_run_time, r.project_id, r.collection, r.name
LIMIT $1
