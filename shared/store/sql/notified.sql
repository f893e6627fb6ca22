-- The broker has confirmed that somebody can be told of these ends.
UPDATE operations o SET notify_time = clock_timestamp()
FROM unnest($1::uuid[]) told (id)
WHERE o.id = told.id AND o.notify_time IS NULL
