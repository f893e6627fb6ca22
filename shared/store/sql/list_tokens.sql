SELECT name, projects, scopes, create_time, expire_time, revoke_time,
       revoke_time IS NULL AND (expire_time IS NULL OR expire_time > clock_timestamp()) AS accepted
FROM tokens
ORDER BY name
