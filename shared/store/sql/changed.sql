-- Of the operations that somebody watches, those that have changed since: a newer revision, deleted, or gone for good.
-- By the ids alone: whose they are was settled when the watch began, and does not change.
SELECT o.*, seen.id AS seen_id
FROM unnest($1::uuid[], $2::bigint[]) AS seen (id, revision)
LEFT JOIN operations o ON o.id = seen.id
WHERE o.id IS NULL OR o.revision > seen.revision OR o.delete_time IS NOT NULL
