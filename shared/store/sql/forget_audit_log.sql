-- Takes away the oldest entries of the audit log that are older than they are kept.
DELETE FROM audit_log
WHERE sequence IN (SELECT sequence FROM audit_log ORDER BY sequence LIMIT $2)
  AND time < clock_timestamp() - make_interval(secs => $1)
