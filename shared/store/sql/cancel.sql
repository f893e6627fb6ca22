WITH changed AS (
    UPDATE operations SET
        -- Who asks again, and wants it at once, changes the mode alone: the first request stands.
        -- When it came, not when its row was free: its end, by the clock, is never before it.
        cancel_requested_at = coalesce(cancel_requested_at, statement_timestamp()),
        cancel_requested_by = coalesce(cancel_requested_by, $4),
        cancel_reason       = CASE WHEN cancel_requested_at IS NULL THEN $7 ELSE cancel_reason END,
        cancel_mode         = CASE WHEN cancel_mode = 'now' THEN cancel_mode ELSE $8 END,
        -- Deleted by its end, in the same statement: a trigger of V12.
        delete_when_done    = delete_when_done OR $9::boolean,
        -- Nobody runs it: it ends here and now, in its own answer. A running one ends when its worker has stopped.
        state               = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 'CANCELLED' ELSE state END,
        finish_time         = CASE WHEN state IN ('PENDING', 'PAUSED') THEN clock_timestamp() END,
        error_code          = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 1 END,
        error_message       = CASE WHEN state IN ('PENDING', 'PAUSED') THEN 'The operation was cancelled before it ran.' END,
        -- What its last attempt left stands there; where there was none, nothing was begun.
        cancel_cleanup      = CASE WHEN state IN ('PENDING', 'PAUSED')
                                   THEN coalesce(cancel_cleanup, '{"status": "removed", "outputs": []}'::jsonb) END,
        pause_requested_at  = CASE WHEN state = 'RUNNING' THEN pause_requested_at END,
        update_time         = clock_timestamp(),
        revision            = revision + 1
    -- Deleted or not: what has not ended can always be cancelled (INV-26).
    WHERE project_id = $1 AND id = $2 AND ($3::text IS NULL OR collection = $3)
      -- A second cancel, and one that comes after the end, change nothing.
      AND NOT done AND (cancel_requested_at IS NULL OR (cancel_mode = 'after_current_item' AND $8 = 'now')
                        OR ($9 AND NOT delete_when_done))
    RETURNING *
), audited AS (
    INSERT INTO audit_log (project_id, principal, source_address, request_id, verb, operation_id, result)
    -- Who deletes what has not ended asks for both.
    SELECT project_id, $4::text, $5::text::inet, $6::text, verb, id, state
    FROM changed CROSS JOIN (VALUES ('CANCEL'), ('DELETE')) asked (verb)
    WHERE verb = 'CANCEL' OR $9
)
SELECT * FROM changed
