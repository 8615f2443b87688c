-- What entries can be searched by: their words, and the objects that they are about. Derived from the
-- entries by the sequencer once they are in the log, never in the transaction that appends one.

-- Punctuation that joins words in names: a part of `db-1.example.org` or `incidents.service:4` is found
-- by itself, beside the name as a whole. What the gate was asked repeats what the entry says anyway.
CREATE FUNCTION audit_search_document(body jsonb) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', said) || to_tsvector('simple', translate(said, '._/:@=-', '       '))
    FROM (
        SELECT concat_ws(' ; ', body ->> 'event', body ->> 'actor', body ->> 'action', body ->> 'target',
            body ->> 'verdict', body ->> 'reason', body ->> 'trace_id',
            (SELECT string_agg(leaf #>> '{}', ' ; ')
             FROM jsonb_path_query((body -> 'data') - 'asked', 'strict $.**') AS leaf
             WHERE jsonb_typeof(leaf) IN ('string', 'number'))) AS said
    ) AS words
$$;

-- The objects of an entry: who, to what, the rows it changed (`table:key`), and what its data name
-- (`user:ada` where they say {"user": "ada"}). Longer ones than any name of ours are prose.
CREATE FUNCTION audit_search_about(body jsonb, changes jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT term) FROM (
        SELECT left(body ->> 'target', 500) AS term
        UNION ALL SELECT left(body ->> 'actor', 500)
        UNION ALL SELECT left((change ->> 'table') || ':' || (change ->> 'pk'), 500)
            FROM jsonb_array_elements(changes) AS change
        UNION ALL SELECT said.name || ':' || (leaf #>> '{}')
            FROM jsonb_each((body -> 'data') - 'asked') AS said (name, value),
                jsonb_path_query(said.value, 'strict $.**') AS leaf
            WHERE jsonb_typeof(leaf) = 'string' AND leaf #>> '{}' ~ '^\S{1,200}$'
    ) AS terms WHERE term <> ''
$$;

CREATE TABLE audit_search (
    event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    document tsvector NOT NULL,
    about text[] NOT NULL,
    PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX audit_search_at ON audit_search (at);
CREATE INDEX audit_search_words ON audit_search USING gin (document);
CREATE INDEX audit_search_objects ON audit_search USING gin (about);

-- The number of leaves that are in it: the next one is where the sequencer goes on.
CREATE TABLE audit_search_progress (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    size bigint NOT NULL CHECK (size >= 0)
);
INSERT INTO audit_search_progress (size) VALUES (0);

-- Small partitions: a word that every entry has costs no more than one of them, however long the
-- record is. Eight are made ahead, two million events.
CREATE FUNCTION audit_ensure_search_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span constant bigint := 250000;
    upto bigint := (SELECT last_value FROM audit_event_id_seq) / span + 8;
    part text;
BEGIN
    FOR n IN 0 .. upto LOOP
        part := format('audit_search_p%s', n);
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_search FOR VALUES FROM (%s) TO (%s)',
            part, n * span, (n + 1) * span);
    END LOOP;
END $$;
SELECT audit_ensure_search_partitions();

GRANT SELECT ON audit_search, audit_search_progress TO vigil_app, vigil_ledger;
GRANT INSERT ON audit_search TO vigil_ledger;
GRANT UPDATE ON audit_search_progress TO vigil_ledger;
REVOKE EXECUTE ON FUNCTION audit_ensure_search_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_ensure_search_partitions() TO vigil_ledger;
