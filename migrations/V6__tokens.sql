-- Bearer tokens, known by their hashes alone; made and revoked by `safepoint-keeper token`.
CREATE TABLE tokens (
    -- Recorded as the requester, so it names one token for ever.
    name        text        PRIMARY KEY CHECK (name <> ''),
    sha256      bytea       NOT NULL UNIQUE,
    projects    text[]      NOT NULL,
    scopes      text[]      NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    expire_time timestamptz,
    revoke_time timestamptz,
    CONSTRAINT hash_is_a_sha256 CHECK (octet_length(sha256) = 32)
);

-- One row. Each api replica looks at it every two seconds, and reads the tokens where it has changed.
CREATE TABLE tokens_version (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint  NOT NULL
);
INSERT INTO tokens_version (version) VALUES (1);

CREATE FUNCTION tokens_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens_version SET version = version + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER tokens_changed AFTER INSERT OR UPDATE OR DELETE ON tokens
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_changed();
