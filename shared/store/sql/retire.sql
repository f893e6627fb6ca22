DELETE FROM workers WHERE id = $1
  AND NOT EXISTS (SELECT FROM operations WHERE worker_id = $1 AND state = 'RUNNING')
