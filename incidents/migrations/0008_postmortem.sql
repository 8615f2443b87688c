-- What must hold of a postmortem whoever writes, and what it is searched by.

-- Accepted, it is final; of what belongs to it, only the action items go on. The actual writers stand in
-- its history: the first row of a version is who made that version.
CREATE FUNCTION incidents_postmortem_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.accepted_at IS NOT NULL THEN
        RAISE EXCEPTION 'the postmortem of incident % is accepted, and no longer changes', OLD.incident_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postmortem_accepted_is_final';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.accepted_at IS NOT NULL AND EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (version) history_user_id FROM incidents_historicalpostmortem
            WHERE id = NEW.id ORDER BY version, history_id) AS writer
        WHERE writer.history_user_id = NEW.accepted_by_id) THEN
        RAISE EXCEPTION 'who wrote a part of a postmortem does not accept it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postmortem_accepted_by_no_writer';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER postmortem_is_final BEFORE UPDATE OR DELETE ON incidents_postmortem
FOR EACH ROW EXECUTE FUNCTION incidents_postmortem_is_final();
ALTER TABLE incidents_postmortem ENABLE ALWAYS TRIGGER postmortem_is_final;

-- A why stays below the answer that it was given to, so there are no circles.
CREATE FUNCTION incidents_why_is_in_its_tree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent incidents_why;
    postmortem_id bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.postmortem_id ELSE NEW.postmortem_id END;
BEGIN
    IF EXISTS (SELECT FROM incidents_postmortem WHERE id = postmortem_id AND accepted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the postmortem is accepted, and its whys no longer change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postmortem_accepted_is_final';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.parent_id, NEW.postmortem_id, NEW.depth)
        IS DISTINCT FROM (OLD.parent_id, OLD.postmortem_id, OLD.depth) THEN
        RAISE EXCEPTION 'a why stays where it was asked'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'why_stays_in_place';
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        SELECT * INTO parent FROM incidents_why WHERE id = NEW.parent_id;
        IF parent.postmortem_id IS DISTINCT FROM NEW.postmortem_id OR parent.depth + 1 <> NEW.depth THEN
            RAISE EXCEPTION 'a why is one step below an answer of the same postmortem'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'why_is_in_its_tree';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER why_is_in_its_tree BEFORE INSERT OR UPDATE OR DELETE ON incidents_why
FOR EACH ROW EXECUTE FUNCTION incidents_why_is_in_its_tree();
ALTER TABLE incidents_why ENABLE ALWAYS TRIGGER why_is_in_its_tree;

-- Everything that a postmortem says, as one text. The application reads it and cannot write it.
CREATE FUNCTION incidents_postmortem_said(wanted bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO incidents_postmortemwords (postmortem_id, body)
    SELECT p.id, left(concat_ws(E'\n', incident.title, p.summary, p.impact, p.root_cause, p.lessons,
        array_to_string(p.contributing_factors, E'\n'), p.went_well, p.went_wrong, p.lucky,
        (SELECT string_agg(why.text, E'\n' ORDER BY why.id) FROM incidents_why why
         WHERE why.postmortem_id = p.id),
        (SELECT string_agg(item.text, E'\n' ORDER BY item.id) FROM incidents_actionitem item
         WHERE item.postmortem_id = p.id)), 200000)
    FROM incidents_postmortem p JOIN incidents_incident incident ON incident.id = p.incident_id
    WHERE p.id = wanted
    ON CONFLICT (postmortem_id) DO UPDATE SET body = EXCLUDED.body
$$;
REVOKE EXECUTE ON FUNCTION incidents_postmortem_said(bigint) FROM PUBLIC;

CREATE FUNCTION incidents_postmortem_says() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'incidents_postmortem' THEN
        PERFORM incidents_postmortem_said(NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM incidents_postmortem_said(OLD.postmortem_id);
    ELSE
        PERFORM incidents_postmortem_said(NEW.postmortem_id);
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION incidents_postmortem_says() FROM PUBLIC;
CREATE TRIGGER postmortem_says AFTER INSERT OR UPDATE ON incidents_postmortem
FOR EACH ROW EXECUTE FUNCTION incidents_postmortem_says();
CREATE TRIGGER postmortem_says AFTER INSERT OR DELETE OR UPDATE OF text ON incidents_why
FOR EACH ROW EXECUTE FUNCTION incidents_postmortem_says();
CREATE TRIGGER postmortem_says AFTER INSERT OR DELETE OR UPDATE OF text ON incidents_actionitem
FOR EACH ROW EXECUTE FUNCTION incidents_postmortem_says();
SELECT incidents_postmortem_said(id) FROM incidents_postmortem;
GRANT SELECT ON incidents_postmortemwords TO vigil_app;
