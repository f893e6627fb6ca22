-- Deletes of operations that have not ended: a delete that cancels, and counts of what a vendor's delete has hidden.

ALTER TABLE operations
    -- Whether its user asked for its cancel and its deletion: it is shown until it has ended, and hidden by its end.
    ADD COLUMN delete_when_done boolean NOT NULL DEFAULT false,
    -- NOT VALID: rows of before have the default, and need no look.
    ADD CONSTRAINT deleted_when_done_was_cancelled
        CHECK (NOT delete_when_done OR cancel_requested_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT deleted_when_done_is_deleted
        CHECK (NOT delete_when_done OR finish_time IS NULL OR delete_time IS NOT NULL) NOT VALID;

-- In the statement that ends the operation, whichever it is: no reader sees the end without the deletion.
CREATE FUNCTION delete_ended_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.delete_time := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER operations_delete_ended BEFORE UPDATE OF state ON operations
    FOR EACH ROW WHEN (NEW.delete_when_done AND NEW.finish_time IS NOT NULL AND NEW.delete_time IS NULL)
    EXECUTE FUNCTION delete_ended_operation();

-- The column is now also set by the trigger above, in statements that do not name it.
DROP TRIGGER operations_count_hidden ON operations;
CREATE TRIGGER operations_count_hidden AFTER UPDATE OF state, delete_time ON operations
    FOR EACH ROW WHEN ((OLD.delete_time IS NULL) IS DISTINCT FROM (NEW.delete_time IS NULL))
    EXECUTE FUNCTION count_hidden_operation();
