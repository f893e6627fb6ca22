-- The same secret under another key, if nobody has changed it meanwhile.
UPDATE access_keys SET key_id = $3, sealed = $4 WHERE name = $1 AND sealed = $2 AND revoke_time IS NULL
