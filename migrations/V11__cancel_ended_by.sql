-- Which step ended the attempt that a cancel was meant for. NULL where no attempt was running, where the attempt ended by
-- itself, and in receipts from before this column.

ALTER TABLE operations
    ADD COLUMN cancel_ended_by text CHECK (cancel_ended_by IN ('SAFE_POINT', 'TASK_ABORTED', 'WORKER_LOST'));
