-- Jobs that were deleted longer ago than they are kept, a bounded number at a time.
DELETE FROM transfer_jobs WHERE (project_id, name) IN (
    SELECT project_id, name FROM transfer_jobs
    -- now(), for a clock_timestamp() can't bound the walk over the index.
    WHERE delete_time < now() - make_interval(secs => $1)
    ORDER BY delete_time
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
