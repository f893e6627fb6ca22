-- One page of a collection, by name. Patterns are the vendors': `*` was made `%` and the rest escaped by the caller.
SELECT * FROM resources
WHERE project_id = $1 AND collection = $2 AND name > $3
  AND ($4::text[] IS NULL OR name = ANY ($4))
  AND ($5::text IS NULL OR name LIKE $5)
  AND state = ANY ($6::text[])
ORDER BY name
LIMIT $7
