-- Keys older than they are kept, a bounded number at a time.
DELETE FROM create_requests
WHERE (project_id, request_id) IN (
    SELECT project_id, request_id FROM create_requests
    WHERE create_time < clock_timestamp() - make_interval(secs => $1)
    ORDER BY create_time
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
