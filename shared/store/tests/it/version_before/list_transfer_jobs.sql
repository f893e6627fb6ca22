-- One page, by name. Patterns are the vendor's: `*` was made `%` and the rest escaped by the caller.
SELECT * FROM transfer_jobs
WHERE project_id = $1 AND name > $2
  AND ($3::text[] IS NULL OR name = ANY ($3))
  AND ($4::text IS NULL OR name LIKE $4)
  AND status = ANY ($5::text[])
ORDER BY name
LIMIT $6
