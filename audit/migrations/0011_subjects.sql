-- People on record: commitments in place of names, personal values sealed beside the entry.

-- The commitment to a person, as `audit.principal.subject` computes it. Declared immutable: the
-- encoding that convert_to asks about never changes.
CREATE FUNCTION audit_subject(salt bytea, username text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN username LIKE 'erased-~%' THEN substr(username, 8)
    ELSE '~' || left(encode(sha256(salt || convert_to(username, 'UTF8')), 'hex'), 32) END;
CREATE UNIQUE INDEX audit_user_subject ON audit_user (audit_subject(salt, username::text));

-- So that a commitment stays the same: user name and salt change in an erasure only, and who was
-- erased does not come back.
CREATE FUNCTION audit_user_stays_itself() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased text := CASE WHEN TG_OP = 'UPDATE' THEN 'erased-' || audit_subject(OLD.salt, OLD.username) END;
BEGIN
    IF NEW.username = erased THEN
        IF NEW.is_active THEN
            RAISE EXCEPTION 'who was erased does not come back'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.username LIKE 'erased-~%'
            OR (TG_OP = 'UPDATE' AND (NEW.username, NEW.salt) <> (OLD.username, OLD.salt)) THEN
        RAISE EXCEPTION 'user name and salt never change but in an erasure'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_user_stays_itself BEFORE INSERT OR UPDATE ON audit_user
FOR EACH ROW EXECUTE FUNCTION audit_user_stays_itself();
ALTER TABLE audit_user ENABLE ALWAYS TRIGGER audit_user_stays_itself;

-- What was sealed of an entry: opened with the salt of its subject, and with nothing else.
CREATE TABLE audit_sealed (
    event_id bigint NOT NULL,
    field text NOT NULL,
    subject text NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (event_id, field)
);
CREATE INDEX audit_sealed_by_subject ON audit_sealed (subject);
SELECT audit_protect('audit_sealed', 'append_only');
SELECT audit_protect('audit_erasure', 'governed');
SELECT audit_protect('audit_erasure', 'append_only');

-- Never changed, and removed only once the erasure of its subject is on record.
CREATE FUNCTION audit_refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' OR NOT EXISTS (SELECT FROM audit_erasure WHERE subject = OLD.subject) THEN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER audit_append_only ON audit_sealed;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_sealed
FOR EACH ROW EXECUTE FUNCTION audit_refuse_unless_erased();
ALTER TABLE audit_sealed ENABLE ALWAYS TRIGGER audit_append_only;

-- Removes what was sealed of a person whose erasure is on record, and says how many values it was.
CREATE FUNCTION audit_shred(erased text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shredded bigint;
BEGIN
    DELETE FROM audit_sealed WHERE subject = erased;
    GET DIAGNOSTICS shredded = ROW_COUNT;
    RETURN shredded;
END $$;
REVOKE EXECUTE ON FUNCTION audit_shred(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_shred(text) TO vigil_app;
GRANT EXECUTE ON FUNCTION audit_subject(bytea, text) TO PUBLIC;

-- As before, but that a person is found under one term, whatever the entry names them as.
CREATE OR REPLACE FUNCTION audit_search_about(body jsonb, changes jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT term) FROM (
        SELECT left(body ->> 'target', 500) AS term
        UNION ALL SELECT left(body ->> 'actor', 500)
        UNION ALL SELECT left((change ->> 'table') || ':' || (change ->> 'pk'), 500)
            FROM jsonb_array_elements(changes) AS change
        UNION ALL SELECT CASE WHEN leaf #>> '{}' ~ '^user:~[0-9a-f]{32}$' THEN leaf #>> '{}'
                ELSE said.name || ':' || (leaf #>> '{}') END
            FROM jsonb_each((body -> 'data') - 'asked') AS said (name, value),
                jsonb_path_query(said.value, 'strict $.**') AS leaf
            WHERE jsonb_typeof(leaf) = 'string' AND leaf #>> '{}' ~ '^\S{1,200}$'
    ) AS terms WHERE term <> ''
$$;
