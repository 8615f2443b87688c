-- What the axioms stopped, counted with the event of each denial: in its transaction, by the database.

-- In shards, so that denials at the same moment do not wait for each other.
CREATE TABLE audit_stopped (
    axiom text NOT NULL,
    shard smallint NOT NULL,
    times bigint NOT NULL CHECK (times > 0),
    PRIMARY KEY (axiom, shard)
);
-- The instant of the first event that was counted or could have been.
CREATE TABLE audit_stopped_since (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    since timestamptz NOT NULL
);
REVOKE ALL ON audit_stopped, audit_stopped_since FROM vigil_app;
GRANT SELECT ON audit_stopped, audit_stopped_since TO vigil_app;

-- The axioms that an entry's own vote of them names, each once.
CREATE FUNCTION audit_stopped_by(entry bytea) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT rule
    FROM jsonb_array_elements(convert_from(entry, 'UTF8')::jsonb -> 'votes') AS vote,
        jsonb_array_elements_text(coalesce(vote -> 'rules', '[]')) AS rule
    WHERE vote ->> 'voter' = 'axioms' AND vote ->> 'verdict' = 'deny'
$$;

CREATE FUNCTION audit_count_stopped() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_stopped AS counted (axiom, shard, times)
    SELECT axiom, pg_backend_pid() % 16, 1 FROM audit_stopped_by(NEW.entry) AS axiom ORDER BY axiom
    ON CONFLICT (axiom, shard) DO UPDATE SET times = counted.times + 1;
    RETURN NULL;
END $$;

-- From here on no event is added until this is done: none is counted twice, or not at all.
CREATE TRIGGER audit_count_stopped AFTER INSERT ON audit_event
FOR EACH ROW WHEN (NEW.verdict = 'deny') EXECUTE FUNCTION audit_count_stopped();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_count_stopped;
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_event'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_count_stopped', part);
    END LOOP;
END $$;
INSERT INTO audit_stopped (axiom, shard, times)
SELECT axiom, 0, count(*) FROM audit_event, audit_stopped_by(entry) AS axiom
WHERE verdict = 'deny' GROUP BY axiom;
INSERT INTO audit_stopped_since (since)
SELECT coalesce((SELECT at FROM audit_event ORDER BY id LIMIT 1), clock_timestamp());

-- One more at a time, and only as the event of a denial is added.
CREATE FUNCTION audit_stopped_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR pg_trigger_depth() < 2
            OR NEW.times <> coalesce(OLD.times, 0) + 1 THEN
        RAISE EXCEPTION '% only counts: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_stopped_counts BEFORE INSERT OR UPDATE OR DELETE ON audit_stopped
FOR EACH ROW EXECUTE FUNCTION audit_stopped_counts();
ALTER TABLE audit_stopped ENABLE ALWAYS TRIGGER audit_stopped_counts;
CREATE TRIGGER audit_append_only BEFORE INSERT OR UPDATE OR DELETE ON audit_stopped_since
FOR EACH ROW EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_stopped_since ENABLE ALWAYS TRIGGER audit_append_only;
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_stopped EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_stopped ENABLE ALWAYS TRIGGER audit_no_truncate;
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_stopped_since EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_stopped_since ENABLE ALWAYS TRIGGER audit_no_truncate;
