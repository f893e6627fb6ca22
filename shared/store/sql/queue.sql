SELECT kind,
       count(*) FILTER (WHERE state = 'PENDING') AS pending,
       count(*) FILTER (WHERE state = 'RUNNING') AS running,
       count(*) FILTER (WHERE state = 'RUNNING' AND cancel_requested_at IS NOT NULL) AS cancelling,
       coalesce(extract(epoch FROM clock_timestamp()
                        - min(create_time) FILTER (WHERE state = 'PENDING')), 0)::float8 AS oldest_pending_seconds
FROM operations
WHERE finish_time IS NULL
GROUP BY kind
