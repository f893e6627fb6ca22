-- What a cancel of this name is about: also what was deleted, while it has not ended.
SELECT * FROM operations
WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND (delete_time IS NULL OR NOT done)
