-- The database itself puts the captured changes into the entry, so that no entry can say otherwise. In
-- canonical JSON only plain texts come before "changes" at the top: its first place is the right one.
CREATE OR REPLACE FUNCTION audit_event_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    key constant bytea := '"changes":[]';
    body jsonb := convert_from(NEW.entry, 'UTF8')::jsonb;
    captured record;
BEGIN
    IF (body -> 'id') IS DISTINCT FROM to_jsonb(NEW.id) OR NEW.id <> currval('audit_event_id_seq') THEN
        RAISE EXCEPTION 'entry % does not carry the number drawn for it', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (body -> 'changes') IS DISTINCT FROM '[]' OR position(key IN NEW.entry) = 0 THEN
        RAISE EXCEPTION 'entry % does not leave its changes to the database', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT * INTO captured FROM audit_captured();
    IF captured.summary <> '[]' THEN
        NEW.entry := overlay(NEW.entry PLACING convert_to(captured.summary, 'UTF8')
            FROM position(key IN NEW.entry) + length(key) - 2 FOR 2);
        IF captured.summary <> captured.listing THEN
            INSERT INTO audit_event_changes VALUES (NEW.id, captured.listing);
        END IF;
        DELETE FROM audit_change WHERE xact_id = pg_current_xact_id_if_assigned();
    END IF;
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
