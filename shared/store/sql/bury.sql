-- Rows of workers long gone. A claim holds its worker's row and needs its lease alive, so none can come in between.
DELETE FROM workers w
WHERE w.expires_at < clock_timestamp() - interval '1 minute'
  AND NOT EXISTS (SELECT FROM operations o WHERE o.worker_id = w.id AND o.state = 'RUNNING')
