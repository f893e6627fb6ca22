DELETE FROM transfer_jobs WHERE (project_id, name) IN (
    SELECT project_id, name FROM transfer_jobs
    WHERE delete_time < clock_timestamp() - make_interval(secs => $1)
    ORDER BY delete_time
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
