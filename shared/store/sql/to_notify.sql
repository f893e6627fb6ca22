-- Ends that somebody asked to be told of, and was not, the oldest first.
SELECT * FROM operations
WHERE kind = 'storage.transfer' AND spec ? 'notification' AND notify_time IS NULL AND finish_time IS NOT NULL
ORDER BY finish_time
LIMIT $1
