-- What workers need: they take operations, tell how far they are and how they ended, and cancel many for somebody. They
-- create none, delete none, and change nothing of what was asked for.
GRANT SELECT ON operations, operation_labels, operation_secrets TO {role};
GRANT UPDATE (
    state, attempt, nonce, worker_id, failures, not_before, release_reason, start_time, claim_time, update_time, finish_time, revision,
    checkpoint, items_done, items_total, bytes_done, items_per_second, safe_point, safe_point_time,
    response, error_code, error_message, pause_requested_at,
    cancel_requested_at, cancel_requested_by, cancel_reason, cancel_mode, cancel_delivered_at, cancel_delivered_by,
    cancel_observed_at, cancel_observed_safe_point, cancel_cleanup, cancel_ended_by,
    -- Named by the statement of a cancel, and set by the api alone.
    delete_when_done
) ON operations TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO {role};
GRANT SELECT, INSERT, UPDATE ON kinds TO {role};
GRANT SELECT, UPDATE (claims) ON projects TO {role};
GRANT INSERT ON operation_moves, audit_log TO {role};
