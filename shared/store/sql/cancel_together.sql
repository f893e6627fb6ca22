-- Cancels that came at the same moment: what `cancel.sql` does to one, to each of them, with one commit. It waits for no
-- row, so none of them waits for another's. What does not come back was held by another statement, or there was nothing to
-- record: its own statement tells.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS i (project_id, id, collection, principal, source_address, request_id, reason, mode)
), free AS MATERIALIZED (
    SELECT i.* FROM asked i JOIN operations o
        -- IS NOT DISTINCT FROM, so that the primary key is the one index that serves: see V2.
        ON o.id = i.id AND o.project_id IS NOT DISTINCT FROM i.project_id
        AND (i.collection IS NULL OR o.collection = i.collection)
    FOR NO KEY UPDATE OF o SKIP LOCKED
), changed AS (
    UPDATE operations o SET
        cancel_requested_at = coalesce(cancel_requested_at, statement_timestamp()),
        cancel_requested_by = coalesce(cancel_requested_by, i.principal),
        cancel_reason       = CASE WHEN cancel_requested_at IS NULL THEN i.reason ELSE cancel_reason END,
        cancel_mode         = i.mode,
        state               = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 'CANCELLED' ELSE state END,
        finish_time         = CASE WHEN state IN ('PENDING', 'PAUSED') THEN clock_timestamp() END,
        error_code          = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 1 END,
        error_message       = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 'The operation was cancelled before it ran.' END,
        cancel_cleanup      = CASE WHEN state IN ('PENDING', 'PAUSED')
                                   THEN coalesce(cancel_cleanup, '{"status": "removed", "outputs": []}'::jsonb) END,
        pause_requested_at  = CASE WHEN state = 'RUNNING' THEN pause_requested_at END,
        update_time         = clock_timestamp(),
        revision            = revision + 1
    FROM free i
    WHERE o.id = i.id AND o.project_id IS NOT DISTINCT FROM i.project_id
      AND NOT done AND (cancel_requested_at IS NULL OR (cancel_mode = 'after_current_item' AND i.mode = 'now'))
    RETURNING o.*, i.principal, i.source_address, i.request_id
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    SELECT project_id, principal, source_address::inet, request_id, 'CANCEL', id, state FROM changed
)
SELECT * FROM changed
