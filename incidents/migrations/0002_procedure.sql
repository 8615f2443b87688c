-- The procedure and the other rules of an incident that must hold whoever writes.

CREATE FUNCTION incidents_follow_procedure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'detected' THEN
            RAISE EXCEPTION 'an incident begins as detected, not as %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_begins_detected';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state = OLD.state AND NEW.severity = OLD.severity THEN
        IF NEW.version <> OLD.version THEN
            RAISE EXCEPTION 'the version of incident % counts its moves only', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_version_counts_moves';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'a move of incident % raises its version by one', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_version_counts_moves';
    END IF;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT FROM incidents_proceduretransition
        WHERE source = OLD.state AND target = NEW.state AND severity = NEW.severity) THEN
        RAISE EXCEPTION 'the procedure has no step from % to % for %', OLD.state, NEW.state, NEW.severity
            USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_follows_procedure';
    END IF;
    IF NEW.state = 'closed' AND OLD.state <> 'closed' AND NEW.severity IN ('P0', 'P1') AND NOT EXISTS (
        SELECT FROM incidents_postmortem WHERE incident_id = NEW.id AND accepted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'incident % closes only with an accepted postmortem', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_closes_with_postmortem';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER incident_follows_procedure BEFORE INSERT OR UPDATE ON incidents_incident
FOR EACH ROW EXECUTE FUNCTION incidents_follow_procedure();
ALTER TABLE incidents_incident ENABLE ALWAYS TRIGGER incident_follows_procedure;

-- A receipt's fate is final, and what was received never changes.
CREATE FUNCTION incidents_receipt_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.fate <> 'pending' AND NEW.fate <> OLD.fate
       OR (NEW.public_id, NEW.source_id, NEW.dedup_key, NEW.body_sha256, NEW.normalized, NEW.received_at,
           NEW.event_id) IS DISTINCT FROM
          (OLD.public_id, OLD.source_id, OLD.dedup_key, OLD.body_sha256, OLD.normalized, OLD.received_at,
           OLD.event_id) THEN
        RAISE EXCEPTION 'what was received is kept as it came (%)', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipt_is_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipt_is_kept BEFORE UPDATE ON incidents_alertreceipt
FOR EACH ROW EXECUTE FUNCTION incidents_receipt_is_kept();
ALTER TABLE incidents_alertreceipt ENABLE ALWAYS TRIGGER receipt_is_kept;

SELECT audit_protect(t, 'governed') FROM unnest(ARRAY[
    'incidents_alert', 'incidents_clockleg', 'incidents_incident', 'incidents_incidentrole',
    'incidents_postmortem', 'incidents_service', 'incidents_severityrule', 'incidents_source',
    'incidents_timelineentry']::regclass[]) AS t;
SELECT audit_protect('incidents_alertreceipt', 'governed', '{attempts,retry_at}');
SELECT audit_protect(t, 'append_only') FROM unnest(ARRAY[
    'incidents_clockleg', 'incidents_timelineentry', 'incidents_historicalincident',
    'incidents_historicalpostmortem', 'incidents_historicalservice',
    'incidents_historicalseverityrule', 'incidents_historicalsource']::regclass[]) AS t;

-- The first incident is INC-1001.
ALTER TABLE incidents_incident ALTER COLUMN id RESTART WITH 1001;
