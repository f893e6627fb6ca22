-- Labels of operations that went with their partition: older than the first that is left, a few at a time.
DELETE FROM operation_labels WHERE ctid = ANY (ARRAY(
    SELECT l.ctid FROM operation_labels l
    WHERE l.operation_id < (
        SELECT min(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([0-9a-f-]{36})'))::uuid
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'operations'::regclass
    )
      -- The default partition holds ids of any time.
      AND NOT EXISTS (SELECT FROM operations_default o WHERE o.id = l.operation_id)
    ORDER BY l.operation_id
    LIMIT $1
))
