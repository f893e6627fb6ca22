-- What the api needs: it creates operations and asks for changes; it runs none and ends none but by a cancel.
GRANT SELECT, INSERT ON operations TO {role};
GRANT UPDATE (
    state, finish_time, error_code, error_message, not_before, pause_requested_at, delete_time, delete_when_done,
    cancel_requested_at, cancel_requested_by, cancel_reason, cancel_mode, cancel_cleanup, update_time, revision
) ON operations TO {role};
GRANT SELECT, INSERT ON operation_labels, create_requests, audit_log TO {role};
-- It keeps secrets, and reads none.
GRANT INSERT ON operation_secrets TO {role};
-- Its triggers write the moves.
GRANT SELECT, INSERT ON operation_moves TO {role};
GRANT SELECT ON operation_counts, workers, kinds, projects, tokens, tokens_version TO {role};
-- Vendors' resources, which it also runs. The view is for replicas of the version before.
GRANT SELECT, INSERT, UPDATE ON resources, transfer_jobs TO {role};
