-- Makes a partition of `operations` for the ids from one to before another, where it is missing (V8).
SELECT create_operations_partition($1, $2, $3)
