"""What the record costs at SQL level, beside a bare update and beside a `prev_hash` chain.

    python -m benchmarks.append_sql [seconds]

16 clients, each on a row of its own, each statement in a message of its own. The event comes with the
capture of the row and the checks at commit. The chain is as it is written everywhere: under a lock,
read the last hash, hash, insert. Three rounds, interleaved; the medians.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import psycopg

from benchmarks import pgbench
from benchmarks.stand import database, percentile, set_up, table

ROUNDS = 3
TABLES = """
CREATE TABLE bare (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
CREATE TABLE captured (LIKE bare INCLUDING ALL);
CREATE TABLE chain (id bigserial PRIMARY KEY, at timestamptz, actor text, entry text, hash bytea);
CREATE INDEX ON chain (at); CREATE INDEX ON chain (actor);
INSERT INTO bare (id) SELECT generate_series(0, 15);
INSERT INTO captured (id) SELECT generate_series(0, 15);
GRANT ALL ON bare, captured, chain, chain_id_seq TO vigil_app;
ALTER TABLE captured OWNER TO vigil_owner;
SET ROLE vigil_owner;
SELECT audit_protect('captured', 'governed')
"""
SCRIPTS = {
    "bare update": "BEGIN;\nUPDATE bare SET n = n + 1 WHERE id = :client_id;\nCOMMIT;\n",
    "event and capture": """BEGIN;
UPDATE captured SET n = n + 1 WHERE id = :client_id;
WITH drawn AS (SELECT nextval('audit_event_id_seq') AS id)
INSERT INTO audit_event (id, writer_id, writer_seq, entry)
SELECT id, '00000000-0000-4000-8000-000000000000', 1,
    convert_to('{"action":"a","actor":"b","changes":[],"event":"e","id":' || id
    || ',"target":"t","timestamp":"2026-01-01T00:00:00Z","trace_id":"","verdict":"allow"}', 'UTF8')
FROM drawn;
COMMIT;
""",
    "prev_hash chain": """BEGIN;
UPDATE bare SET n = n + 1 WHERE id = :client_id;
SELECT pg_advisory_xact_lock(1);
SELECT coalesce(max(id), 0) AS last FROM chain \\gset
SELECT encode(sha256(coalesce((SELECT hash FROM chain WHERE id = :last), '')
    || convert_to('{"action":"a","actor":"b","event":"e","target":"t"}', 'UTF8')), 'hex') AS hash \\gset
INSERT INTO chain (at, actor, entry, hash) VALUES (clock_timestamp(), 'b',
    '{"action":"a","actor":"b","event":"e","target":"t"}', decode(':hash', 'hex'));
COMMIT;
""",
}
EVENT = "event and capture"
GOALS = (("bare update", 0.3), ("prev_hash chain", 2.0))


def main(seconds: float = 4.0) -> None:
    found: dict[str, list[pgbench.Measured]] = {name: [] for name in SCRIPTS}
    with database() as server, tempfile.TemporaryDirectory(prefix="vigil-bench-") as home:
        set_up()
        with psycopg.connect(server.superuser_url("vigil"), autocommit=True) as opened:
            opened.execute(TABLES)
        url = server.url("vigil_app", "vigil")
        for _ in range(ROUNDS):
            for name, script in SCRIPTS.items():
                found[name].append(pgbench.run(url, script, seconds=seconds, home=Path(home)))
    rate = {name: statistics.median(each.rate for each in rounds) for name, rounds in found.items()}
    rows = [("", "tx/s", "p50 ms", "p99 ms")]
    for name, rounds in found.items():
        took = [duration for each in rounds for duration in each.durations]
        p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
        rows.append((name, f"{rate[name]:.0f}", f"{p50:.2f}", f"{p99:.2f}"))
    table(f"append at SQL level: {pgbench.CLIENTS} clients", rows)
    ratios = [("", "ratio", "goal")]
    ratios += [(f"{EVENT} / {a}", f"{rate[EVENT] / rate[a]:.2f}", f"≥ {goal}") for a, goal in GOALS]
    table("append at SQL level: ratios", ratios)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]))
