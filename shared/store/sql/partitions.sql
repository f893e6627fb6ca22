-- The partitions of `operations`, and how long ago their weeks ended by the database's clock: ids are time-ordered, and
-- their first 48 bits are milliseconds (RFC 9562 section 5.7). NULL for the default partition: its ids are of any time.
SELECT c.relname::text AS name,
       extract(epoch FROM clock_timestamp())::float8
       - ('x' || left(translate(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([0-9a-f-]{36})'), '-', ''), 12)
         )::bit(48)::bigint / 1000.0::float8 AS ended_seconds_ago
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'operations'::regclass
ORDER BY c.relname
