-- Takes on ends of a kind that somebody asked to be told of, and was not, the oldest first. Others pass them over for a
-- while: of two keepers one tells, and what could not be told is not in the way of the rest.
WITH untold AS MATERIALIZED (
    SELECT id FROM operations
    -- A kind that tells of its ends has a partial index with these conditions. Planned for all arguments alike, a parameter
    -- would not match it: the kind's name is put in.
    WHERE kind = '{kind}' AND spec ? 'notification' AND notify_time IS NULL AND finish_time IS NOT NULL
      AND (notify_claim_time IS NULL OR notify_claim_time < now() - make_interval(secs => $2))
    ORDER BY finish_time
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE operations o SET notify_claim_time = clock_timestamp()
FROM untold
WHERE o.id = untold.id AND o.notify_time IS NULL
RETURNING o.*
