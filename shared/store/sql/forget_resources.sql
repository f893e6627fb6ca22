-- Resources of a collection that were deleted longer ago than they are kept, a bounded number at a time.
DELETE FROM resources WHERE (project_id, collection, name) IN (
    SELECT project_id, collection, name FROM resources
    -- now(), for a clock_timestamp() can't bound the walk over the index.
    WHERE collection = $1 AND delete_time < now() - make_interval(secs => $2)
    ORDER BY delete_time
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
