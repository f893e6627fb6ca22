-- For good. The row stays: it tells who the requester of old operations was.
UPDATE tokens SET revoke_time = clock_timestamp() WHERE name = $1 AND revoke_time IS NULL
