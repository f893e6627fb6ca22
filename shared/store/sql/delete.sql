-- Hides at once and for good. It does not cancel: a running operation goes on to its end, unseen.
UPDATE operations SET delete_time = clock_timestamp()
WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
