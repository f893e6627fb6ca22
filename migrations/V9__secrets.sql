-- Secrets that came with a request, and those of access keys: sealed under a key that no database holds.

ALTER TABLE operations
    -- Whether one came with the request. It goes when the operation ends, so that such a one is not tried again.
    ADD COLUMN has_secret boolean NOT NULL DEFAULT false;

CREATE TABLE operation_secrets (
    operation_id uuid  PRIMARY KEY,
    -- Which key of the ring sealed it.
    key_id       text  NOT NULL,
    sealed       bytea NOT NULL
);

-- As the owner: those who end operations may not read what goes.
CREATE FUNCTION forget_operation_secret() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM operation_secrets WHERE operation_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER operations_forget_secret AFTER UPDATE OF state ON operations
    FOR EACH ROW WHEN (OLD.has_secret AND NEW.finish_time IS NOT NULL)
    EXECUTE FUNCTION forget_operation_secret();

-- Pairs of access key and secret key, as Huawei Cloud's clients sign with; made and revoked by `safepoint-keeper access-key`.
CREATE TABLE access_keys (
    access_key  text        PRIMARY KEY,
    -- Recorded as the requester, so it names one key for ever.
    name        text        NOT NULL UNIQUE CHECK (name <> ''),
    project_id  text        NOT NULL,
    scopes      text[]      NOT NULL,
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoke_time timestamptz
);
CREATE TRIGGER access_keys_changed AFTER INSERT OR UPDATE OR DELETE ON access_keys
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_changed();
