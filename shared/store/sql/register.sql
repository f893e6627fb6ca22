INSERT INTO workers (id, host, expires_at) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
