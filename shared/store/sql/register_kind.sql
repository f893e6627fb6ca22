-- What a worker tells of a kind that it runs. Only what has changed is written: workers tell it at each start.
INSERT INTO kinds (name, unit, safe_point_bound_millis, stop_bound_millis, counts_against_quotas, opt_in, spec_schema)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (name) DO UPDATE SET
    unit                    = EXCLUDED.unit,
    safe_point_bound_millis = EXCLUDED.safe_point_bound_millis,
    stop_bound_millis       = EXCLUDED.stop_bound_millis,
    counts_against_quotas   = EXCLUDED.counts_against_quotas,
    opt_in                  = EXCLUDED.opt_in,
    spec_schema             = EXCLUDED.spec_schema,
    register_time           = clock_timestamp()
WHERE (kinds.unit, kinds.safe_point_bound_millis, kinds.stop_bound_millis, kinds.counts_against_quotas, kinds.opt_in)
      IS DISTINCT FROM (EXCLUDED.unit, EXCLUDED.safe_point_bound_millis, EXCLUDED.stop_bound_millis,
                        EXCLUDED.counts_against_quotas, EXCLUDED.opt_in)
   OR kinds.spec_schema IS DISTINCT FROM EXCLUDED.spec_schema
