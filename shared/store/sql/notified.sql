UPDATE operations SET notify_time = clock_timestamp() WHERE id = ANY ($1::uuid[]) AND notify_time IS NULL
