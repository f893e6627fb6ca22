INSERT INTO tokens (name, sha256, projects, scopes, expire_time)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
ON CONFLICT DO NOTHING
