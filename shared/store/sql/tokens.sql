-- All tokens that are accepted, if any has changed since this version: no row says that none has. A row without a name
-- says that there are none.
SELECT v.version, t.name, t.sha256, t.projects, t.scopes,
       extract(epoch FROM t.expire_time - clock_timestamp())::float8 AS expires_in
FROM tokens_version v
LEFT JOIN tokens t ON t.revoke_time IS NULL AND (t.expire_time IS NULL OR t.expire_time > clock_timestamp())
WHERE v.version <> $1
