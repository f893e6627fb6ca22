-- What tells why an operation has not ended: the row, its owner's lease, who could take it, and whether its project may
-- have more at work (claim.sql).
SELECT o.*, clock_timestamp() AS looked_at,
       w.host AS owner_host, w.renewed_at AS owner_renewed_at, w.expires_at AS owner_expires_at,
       (SELECT count(*) FROM workers living WHERE living.expires_at > clock_timestamp()) AS living_workers,
       EXISTS (SELECT FROM projects p
               WHERE p.project_id = $1 AND o.kind <> ALL (uncounted.names) AND p.running_limit <= (
                   SELECT count(*) FROM operations r
                   WHERE r.worker_id IS NOT NULL AND r.project_id = $1
                     AND r.kind <> ALL (uncounted.names))) AS project_is_full
FROM operations o LEFT JOIN workers w ON w.id = o.worker_id
     CROSS JOIN (SELECT ARRAY(SELECT name FROM kinds WHERE NOT counts_against_quotas) AS names) uncounted
WHERE o.project_id = $1 AND o.id = $2 AND ($3::text IS NULL OR collection = $3) AND delete_time IS NULL
