SELECT * FROM resources WHERE project_id = $1 AND collection = $2 AND name = $3
