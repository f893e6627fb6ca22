-- Every change of an operation, as the database saw it: the ground of the checker beside what clients saw.
CREATE TABLE chaos_log (
    seq          bigserial   PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    id           uuid        NOT NULL,
    old_state    text,
    new_state    text        NOT NULL,
    old_attempt  integer,
    new_attempt  integer     NOT NULL,
    old_cancel   boolean,
    new_cancel   boolean     NOT NULL,
    old_failures integer,
    new_failures integer     NOT NULL,
    items        bigint      NOT NULL,
    -- Whether anything but the mark of its deletion changed.
    visible      boolean     NOT NULL
);

CREATE FUNCTION chaos_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chaos_log (id, new_state, new_attempt, new_cancel, new_failures, items, visible)
        VALUES (NEW.id, NEW.state, NEW.attempt, NEW.cancel_requested_at IS NOT NULL, NEW.failures, NEW.items_done, true);
    ELSE
        INSERT INTO chaos_log (id, old_state, new_state, old_attempt, new_attempt, old_cancel, new_cancel,
                               old_failures, new_failures, items, visible)
        VALUES (NEW.id, OLD.state, NEW.state, OLD.attempt, NEW.attempt, OLD.cancel_requested_at IS NOT NULL,
                NEW.cancel_requested_at IS NOT NULL, OLD.failures, NEW.failures, NEW.items_done,
                to_jsonb(OLD) - 'delete_time' <> to_jsonb(NEW) - 'delete_time');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER chaos_log AFTER INSERT OR UPDATE ON operations FOR EACH ROW EXECUTE FUNCTION chaos_log();
