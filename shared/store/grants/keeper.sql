-- What keepers need: they take operations back, run resources when their time comes, tell of ends, fold counts, and take away
-- what is old. They begin nothing else, and the commands of `safepoint-keeper` (token, project, migrate) run as the owner.
GRANT SELECT, DELETE, UPDATE (
    state, failures, finish_time, error_code, error_message, cancel_cleanup, cancel_ended_by, nonce, worker_id, pause_requested_at,
    update_time, revision, notify_time, notify_claim_time
) ON operations TO {role};
GRANT INSERT ON operations, audit_log TO {role};
-- The view is for replicas of the version before.
GRANT SELECT, DELETE, UPDATE (latest_operation, next_run_time, update_time, revision) ON resources, transfer_jobs TO {role};
GRANT SELECT, UPDATE, DELETE ON workers TO {role};
GRANT SELECT ON kinds TO {role};
GRANT SELECT, INSERT, DELETE ON operation_moves TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON operation_counts TO {role};
GRANT SELECT, UPDATE, DELETE ON operation_labels, create_requests TO {role};
GRANT SELECT, DELETE ON audit_log TO {role};
GRANT EXECUTE ON FUNCTION create_operations_partition, drop_operations_partition TO {role};
-- Rows expire partition by partition, by the partition's own name. Those to come: V8.
DO $grant$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'operations'::regclass LOOP
        EXECUTE format('GRANT SELECT, UPDATE, DELETE ON %s TO {role}', partition);
    END LOOP;
END
$grant$;
