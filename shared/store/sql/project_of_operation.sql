-- For names that do not tell their project. Who asks learns nothing before it is known to be allowed to act in it. A cancel
-- also asks of what was deleted, while it has not ended.
SELECT project_id FROM operations WHERE id = $1 AND collection = $2 AND (delete_time IS NULL OR NOT done)
