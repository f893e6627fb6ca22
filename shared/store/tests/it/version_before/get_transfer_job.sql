SELECT * FROM transfer_jobs WHERE project_id = $1 AND name = $2
