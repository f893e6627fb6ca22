-- A resource, and whether its latest run has ended, or there is none: as `due_resources.sql` tells it.
SELECT r.*, clock_timestamp() AS now,
       coalesce((SELECT o.finish_time IS NOT NULL FROM operations o WHERE o.id = r.latest_operation), true) AS latest_ended
FROM resources r
WHERE r.project_id = $1 AND r.collection = $2 AND r.name = $3
