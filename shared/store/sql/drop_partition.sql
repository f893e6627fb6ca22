-- Drops a partition with its counts, if all in it ended longer ago than anything is kept (V8).
SELECT drop_operations_partition($1, $2)
