SELECT * FROM operations
WHERE project_id = $1 AND id = $2 AND delete_time IS NULL
