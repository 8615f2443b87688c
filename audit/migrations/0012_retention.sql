-- Retention: whole partitions leave the database for sealed archives, on record, oldest first.

SELECT audit_protect('audit_archive', 'governed');

-- Whether the entry of an event left with its partition, so that what lies beside it may go too.
CREATE FUNCTION audit_is_dropped(number bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit_archive
        WHERE dropped_at IS NOT NULL AND number >= first_id AND number < end_id)
$$;

-- For tables whose rows belong to one event: removed with its partition, and else never.
CREATE FUNCTION audit_refuse_unless_dropped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' OR NOT audit_is_dropped(OLD.event_id) THEN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER audit_append_only ON audit_event_changes;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_event_changes
FOR EACH ROW EXECUTE FUNCTION audit_refuse_unless_dropped();
ALTER TABLE audit_event_changes ENABLE ALWAYS TRIGGER audit_append_only;

CREATE OR REPLACE FUNCTION audit_refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' OR NOT (audit_is_dropped(OLD.event_id)
            OR EXISTS (SELECT FROM audit_erasure WHERE subject = OLD.subject)) THEN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;

-- As before, but that what was dropped does not come back empty.
CREATE OR REPLACE FUNCTION audit_ensure_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span constant bigint := 10000000;
    upto bigint := (SELECT last_value FROM audit_event_id_seq) / span + 1;
    part text;
BEGIN
    FOR n IN 0 .. upto LOOP
        part := format('audit_event_p%s', n);
        CONTINUE WHEN to_regclass(part) IS NOT NULL
            OR EXISTS (SELECT FROM audit_archive WHERE partition = part AND dropped_at IS NOT NULL);
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_event FOR VALUES FROM (%s) TO (%s)',
            part, n * span, (n + 1) * span);
        EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %I '
            'EXECUTE FUNCTION audit_refuse()', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_no_truncate', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_event_append', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_append_only', part);
    END LOOP;
END $$;
