-- The ledger, and the triggers by which the database refuses unaudited change.

-- What a row comes to, for the record. Null columns are left out, so that a new nullable column
-- changes no digest.
CREATE FUNCTION audit_row_digest(row_data jsonb, ungoverned text[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(convert_to(jsonb_strip_nulls(row_data - ungoverned)::text, 'UTF8'));

-- Which tables are governed, and which of their columns are not (a last sign-in, a heartbeat).
CREATE TABLE audit_governed (
    table_name text PRIMARY KEY,
    pk_column text NOT NULL,
    ungoverned text[] NOT NULL
);

-- The changes of the running transaction that no event has named yet. Never holds a committed row.
-- A change draws its number while its row is locked, so that numbers tell which of two changes of a
-- row came later. The sequence is a logged one: it must not start over after a crash.
CREATE SEQUENCE audit_change_seq AS bigint;
CREATE UNLOGGED TABLE audit_change (
    xact_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL DEFAULT nextval('audit_change_seq'),
    table_name text NOT NULL,
    row_pk text NOT NULL,
    op text NOT NULL,
    sha256 bytea,
    PRIMARY KEY (xact_id, seq)
);

CREATE FUNCTION audit_capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET TimeZone = 'UTC'
SET IntervalStyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
AS $$
DECLARE
    pk_column text := TG_ARGV[0];
    ungoverned text[] := TG_ARGV[1]::text[];
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    digest bytea := CASE WHEN TG_OP <> 'DELETE' THEN audit_row_digest(new_row, ungoverned) END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF old_row ->> pk_column IS DISTINCT FROM new_row ->> pk_column THEN
            RAISE EXCEPTION 'the primary key of a governed row never changes (%)', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF digest = audit_row_digest(old_row, ungoverned) THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit_change (table_name, row_pk, op, sha256)
    VALUES (TG_TABLE_NAME, coalesce(new_row, old_row) ->> pk_column, left(TG_OP, 1), digest);
    RETURN NULL;
END $$;

CREATE FUNCTION audit_refuse_unrecorded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM audit_change WHERE xact_id = NEW.xact_id AND seq = NEW.seq) THEN
        RAISE EXCEPTION 'unaudited change of % % (%): every change needs its ledger event',
            NEW.table_name, NEW.row_pk, NEW.op USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit_change_is_recorded AFTER INSERT ON audit_change
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_refuse_unrecorded();
ALTER TABLE audit_change ENABLE ALWAYS TRIGGER audit_change_is_recorded;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- The captured changes of the running transaction as canonical JSON: the list itself up to 64
-- changes, above that {"count", "sha256"} of the list. Returns (list, what goes into the entry).
CREATE FUNCTION audit_captured(OUT listing text, OUT summary text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    total bigint;
BEGIN
    SELECT count(*), '[' || coalesce(string_agg(
        format('{"op":"%s","pk":%s,"seq":%s,"sha256":%s,"table":%s}', op, to_json(row_pk), seq,
            coalesce('"' || encode(sha256, 'hex') || '"', 'null'), to_json(table_name)),
        ',' ORDER BY seq), '') || ']'
    INTO total, listing
    FROM audit_change WHERE xact_id = pg_current_xact_id_if_assigned();
    summary := CASE WHEN total <= 64 THEN listing ELSE format(
        '{"count":%s,"sha256":"%s"}', total, encode(sha256(convert_to(listing, 'UTF8')), 'hex')) END;
END $$;

-- The entries. `entry` is canonical JSON (RFC 8785), hashed as it stands; the other columns are
-- derived from it here, so that they cannot say anything else.
CREATE SEQUENCE audit_event_id_seq AS bigint MINVALUE 1;
CREATE TABLE audit_event (
    id bigint NOT NULL,
    xact_id xid8 NOT NULL,
    writer_id uuid NOT NULL,
    writer_seq bigint NOT NULL,
    at timestamptz NOT NULL,
    event text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    verdict text NOT NULL,
    trace_id text NOT NULL,
    entry bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audit_event_entry_size CHECK (octet_length(entry) BETWEEN 2 AND 65535),
    CONSTRAINT audit_event_verdict_known CHECK (verdict IN ('allow', 'deny', 'escalate', 'failure'))
) PARTITION BY RANGE (id);
CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_by_event ON audit_event (event, id);
CREATE INDEX audit_event_by_actor ON audit_event (actor text_pattern_ops, id);
CREATE INDEX audit_event_by_action ON audit_event (action text_pattern_ops, id);
CREATE INDEX audit_event_by_target ON audit_event (target text_pattern_ops, id);
CREATE INDEX audit_event_by_verdict ON audit_event (verdict, id) WHERE verdict <> 'allow';
CREATE INDEX audit_event_by_trace ON audit_event (trace_id);

-- The list of an event that changed more than 64 rows.
CREATE TABLE audit_event_changes (
    event_id bigint PRIMARY KEY,
    changes text NOT NULL
);
CREATE TABLE audit_pending (event_id bigint PRIMARY KEY);

CREATE FUNCTION audit_event_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    body jsonb := convert_from(NEW.entry, 'UTF8')::jsonb;
    captured record;
BEGIN
    SELECT * INTO captured FROM audit_captured();
    IF (body -> 'id') IS DISTINCT FROM to_jsonb(NEW.id) OR NEW.id <> currval('audit_event_id_seq') THEN
        RAISE EXCEPTION 'entry % does not carry the number drawn for it', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (body -> 'changes') IS DISTINCT FROM captured.summary::jsonb THEN
        RAISE EXCEPTION 'entry % does not name the rows that it changes', NEW.id
            USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = format('captured %s', left(captured.summary, 500));
    END IF;
    IF captured.summary <> captured.listing THEN
        INSERT INTO audit_event_changes VALUES (NEW.id, captured.listing);
    END IF;
    DELETE FROM audit_change WHERE xact_id = pg_current_xact_id_if_assigned();
    NEW.xact_id := pg_current_xact_id();
    NEW.at := (body ->> 'timestamp')::timestamptz;
    NEW.event := body ->> 'event';
    NEW.actor := body ->> 'actor';
    NEW.action := body ->> 'action';
    NEW.target := body ->> 'target';
    NEW.verdict := body ->> 'verdict';
    NEW.trace_id := body ->> 'trace_id';
    NEW.leaf_hash := sha256('\x00'::bytea || NEW.entry);
    INSERT INTO audit_pending VALUES (NEW.id);
    RETURN NEW;
END $$;

CREATE TRIGGER audit_event_append BEFORE INSERT ON audit_event
FOR EACH ROW EXECUTE FUNCTION audit_event_append();

-- The log: dense indexes, full tiles, the head, and the signed checkpoints.
CREATE TABLE audit_leaf (
    index bigint PRIMARY KEY,
    event_id bigint NOT NULL UNIQUE,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);
CREATE TABLE audit_tile (
    level smallint NOT NULL,
    index bigint NOT NULL,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    data bytea NOT NULL CHECK (octet_length(data) = 8192),
    PRIMARY KEY (level, index)
);
CREATE TABLE audit_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    size bigint NOT NULL CHECK (size >= 0),
    frontier bytea[] NOT NULL
);
INSERT INTO audit_head (size, frontier) VALUES (0, '{}');
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION audit_head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.size <= OLD.size THEN
        RAISE EXCEPTION 'the head of the ledger only grows: % is refused', TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_head_grows BEFORE UPDATE OR DELETE ON audit_head
FOR EACH ROW EXECUTE FUNCTION audit_head_grows();
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_grows;

-- What a table is allowed, in one place. Modes:
--   governed     every change is captured and needs its event
--   append_only  no row is ever changed or removed (may come on top of governed)
--   ungoverned   plain reads and writes by the application
CREATE FUNCTION audit_protect(target regclass, mode text, ungoverned text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    pk text;
    name text := (SELECT relname FROM pg_class WHERE oid = target);
BEGIN
    IF mode = 'governed' THEN
        SELECT attname INTO STRICT pk FROM pg_index JOIN pg_attribute
            ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = target AND indisprimary;
        INSERT INTO audit_governed VALUES (name, pk, ungoverned);
        EXECUTE format('CREATE TRIGGER audit_capture AFTER INSERT OR UPDATE OR DELETE ON %s '
            'FOR EACH ROW EXECUTE FUNCTION audit_capture(%L, %L)', target, pk, ungoverned);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_capture', target);
        EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %s '
            'EXECUTE FUNCTION audit_refuse()', target);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_no_truncate', target);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO vigil_app', target);
    ELSIF mode = 'append_only' THEN
        EXECUTE format('CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON %s '
            'FOR EACH ROW EXECUTE FUNCTION audit_refuse()', target);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_append_only', target);
        IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = 'audit_no_truncate') THEN
            EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %s '
                'EXECUTE FUNCTION audit_refuse()', target);
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_no_truncate', target);
        END IF;
        EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM vigil_app', target);
        EXECUTE format('GRANT SELECT, INSERT ON %s TO vigil_app', target);
    ELSIF mode = 'ungoverned' THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO vigil_app', target);
    ELSE
        RAISE EXCEPTION 'unknown protection %', mode;
    END IF;
END $$;

CREATE FUNCTION audit_unprotect(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM audit_governed WHERE table_name = (SELECT relname FROM pg_class WHERE oid = target);
    EXECUTE format('DROP TRIGGER IF EXISTS audit_capture ON %s', target);
    EXECUTE format('DROP TRIGGER IF EXISTS audit_append_only ON %s', target);
    EXECUTE format('DROP TRIGGER IF EXISTS audit_no_truncate ON %s', target);
    EXECUTE format('REVOKE ALL ON %s FROM vigil_app', target);
END $$;

-- Partitions by id, ten million entries each. A partition has its own row and truncate triggers,
-- which the parent does not pass on in full.
CREATE FUNCTION audit_ensure_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span constant bigint := 10000000;
    upto bigint := (SELECT last_value FROM audit_event_id_seq) / span + 1;
    part text;
BEGIN
    FOR n IN 0 .. upto LOOP
        part := format('audit_event_p%s', n);
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_event FOR VALUES FROM (%s) TO (%s)',
            part, n * span, (n + 1) * span);
        EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %I '
            'EXECUTE FUNCTION audit_refuse()', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_no_truncate', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_event_append', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_append_only', part);
    END LOOP;
END $$;

SELECT audit_protect('audit_event', 'append_only');
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append;
SELECT audit_ensure_partitions();
SELECT audit_protect(t, 'append_only') FROM unnest(ARRAY[
    'audit_event_changes', 'audit_leaf', 'audit_tile', 'audit_checkpoint']::regclass[]) AS t;

-- The application appends entries and reads the log; the sequencer alone extends the log.
REVOKE INSERT ON audit_event_changes, audit_leaf, audit_tile, audit_checkpoint FROM vigil_app;
GRANT USAGE ON SEQUENCE audit_event_id_seq TO vigil_app;
GRANT SELECT ON audit_governed, audit_pending, audit_head, audit_change TO vigil_app;
GRANT SELECT ON audit_governed, audit_event, audit_event_changes, audit_pending, audit_leaf, audit_tile,
    audit_head, audit_checkpoint TO vigil_ledger;
GRANT INSERT ON audit_leaf, audit_tile, audit_checkpoint TO vigil_ledger;
GRANT DELETE ON audit_pending TO vigil_ledger;
GRANT UPDATE ON audit_head TO vigil_ledger;
REVOKE EXECUTE ON FUNCTION audit_ensure_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_ensure_partitions() TO vigil_ledger;
