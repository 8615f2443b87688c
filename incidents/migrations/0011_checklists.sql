-- A check of a step keeps what it asked for and where it stands; nothing that was asked is taken away.
CREATE FUNCTION incidents_checklist_item_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a checklist item is not deleted; it is marked not applicable'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checklist_item_is_kept';
    END IF;
    IF (NEW.incident_id, NEW.step, NEW.round, NEW.position, NEW.text, NEW.is_required) IS DISTINCT FROM
       (OLD.incident_id, OLD.step, OLD.round, OLD.position, OLD.text, OLD.is_required) THEN
        RAISE EXCEPTION 'what a checklist item asks for does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checklist_item_is_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER checklist_item_is_kept BEFORE UPDATE OR DELETE ON incidents_checklistitem
FOR EACH ROW EXECUTE FUNCTION incidents_checklist_item_is_kept();
ALTER TABLE incidents_checklistitem ENABLE ALWAYS TRIGGER checklist_item_is_kept;

-- A fix counts as verified once each required check of the newest round has its answer.
CREATE FUNCTION incidents_verified_by_checks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM incidents_checklistitem item
        WHERE item.incident_id = NEW.id AND item.step = 8 AND item.is_required AND item.state = 'open'
          AND item.round = (SELECT max(newest.round) FROM incidents_checklistitem newest
                            WHERE newest.incident_id = NEW.id AND newest.step = 8)) THEN
        RAISE EXCEPTION 'incident % has required checks that are still open', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'incident_verified_by_checks';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER incident_verified_by_checks BEFORE UPDATE ON incidents_incident
FOR EACH ROW WHEN (OLD.state = 'verifying' AND NEW.state = 'documenting')
EXECUTE FUNCTION incidents_verified_by_checks();
ALTER TABLE incidents_incident ENABLE ALWAYS TRIGGER incident_verified_by_checks;

-- What was done stays as it was written down; it may be taken back once.
CREATE FUNCTION incidents_containment_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.reversed_at IS NOT NULL
       OR (NEW.incident_id, NEW.kind, NEW.target, NEW.performed_by, NEW.performed_at, NEW.recorded_at,
           NEW.recorded_by) IS DISTINCT FROM
          (OLD.incident_id, OLD.kind, OLD.target, OLD.performed_by, OLD.performed_at, OLD.recorded_at,
           OLD.recorded_by) THEN
        RAISE EXCEPTION 'a containment action is kept as it was recorded'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'containment_is_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER containment_is_kept BEFORE UPDATE OR DELETE ON incidents_containmentaction
FOR EACH ROW EXECUTE FUNCTION incidents_containment_is_kept();
ALTER TABLE incidents_containmentaction ENABLE ALWAYS TRIGGER containment_is_kept;

-- An answered offer stays answered, and an offer is between the two that it was made between.
CREATE FUNCTION incidents_handover_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'pending'
       OR (NEW.incident_id, NEW.role, NEW.holder_id, NEW.successor_id, NEW.note, NEW.offered_at)
          IS DISTINCT FROM
          (OLD.incident_id, OLD.role, OLD.holder_id, OLD.successor_id, OLD.note, OLD.offered_at) THEN
        RAISE EXCEPTION 'an offer of a role is kept, and answered once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'role_handover_is_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_handover_is_kept BEFORE UPDATE OR DELETE ON incidents_rolehandover
FOR EACH ROW EXECUTE FUNCTION incidents_handover_is_kept();
ALTER TABLE incidents_rolehandover ENABLE ALWAYS TRIGGER role_handover_is_kept;

SELECT audit_protect(t, 'governed') FROM unnest(ARRAY[
    'incidents_checklisttemplate', 'incidents_checklistitem', 'incidents_containmentaction',
    'incidents_rolehandover']::regclass[]) AS t;
SELECT audit_protect('incidents_historicalchecklisttemplate', 'append_only');
