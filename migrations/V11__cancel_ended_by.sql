-- Which step ended the attempt that a cancel was meant for. NULL where no attempt was running, where the attempt ended by
-- itself, and in receipts from before this column.

ALTER TABLE operations
    ADD COLUMN cancel_ended_by text,
    -- NOT VALID: the rows that are there have NULL, so there is nothing to scan for under the lock.
    ADD CONSTRAINT cancel_ended_by_is_known CHECK (cancel_ended_by IN ('SAFE_POINT', 'TASK_ABORTED', 'WORKER_LOST')) NOT VALID;
