"""How long it takes to check the whole record: `manage.py verify_ledger --rows`, as it is run.

    python -m benchmarks.verify [rows] [--workers N]

Rows, their history rows and their events, one each, are filled in by bulk SQL with the triggers off,
as a superuser: the digests, entries and hashes are computed there just as the triggers would. The log over them is built by
the real sequencer and the checkpoints are signed by the real signer. Memory is the verifier's own with
all of its processes, sampled; the database's is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.stand import database, set_up, table

ROOT = Path(__file__).resolve().parents[1]
BATCH = 50_000
GOAL = 60.0  # seconds for a million rows, on two cores

ROWS = """
INSERT INTO incidents_incident (id, title, severity, state, version, is_restricted, is_drill,
    detected_at, next_target_at)
OVERRIDING SYSTEM VALUE
SELECT n, 'Error rate of checkout is at ' || n %% 100 || ' %%, looking at the deployment of ' || n,
    'P' || n %% 4, 'detected', 1, false, false, clock_timestamp(), clock_timestamp() + interval '1 h'
FROM generate_series(%(first)s::bigint, %(last)s) n
"""
HISTORIES = """
INSERT INTO incidents_historicalincident (id, title, severity, state, version, is_restricted, is_drill,
    detected_at, next_target_at, event_id, history_date, history_type, history_change_reason)
SELECT id, title, severity, state, version, is_restricted, is_drill, detected_at, next_target_at, id,
    '2026-02-12T18:30:00Z', '+', 'Reported by its detector'
FROM incidents_incident WHERE id BETWEEN %(first)s AND %(last)s ORDER BY id
"""
EVENTS = """
WITH rows AS (
    SELECT t.id, t.id::text AS pk, nextval('audit_change_seq') AS seq,
           encode(audit_row_digest(to_jsonb(t), '{}'), 'hex') AS digest
    FROM incidents_incident t WHERE t.id BETWEEN %(first)s AND %(last)s ORDER BY t.id
), entries AS (
    SELECT id, convert_to(format(
        '{"action":"incidents:incident:open","actor":"system:ingest","actor_type":"system","changes":[{"op":'
        '"I","pk":"%%2$s","seq":%%3$s,"sha256":"%%4$s","table":"incidents_incident"}],"data":{"asked":{'
        '"context":{"severity":"P1"}},"reason":"Reported by its detector"},"event":"incident_opened","id":%%5$s,'
        '"policy":"%%6$s","reason":"allowed by all voters","target":"incidents.incident:INC-%%1$s","timestamp":'
        '"2026-02-12T18:30:00.000000Z","trace_id":"%%7$s","verdict":"allow","votes":[{"reason":"no law '
        'forbids it","verdict":"allow","voter":"axioms"},{"reason":"permitted by role","verdict":"allow",'
        '"voter":"permissions"},{"reason":"permitted","verdict":"allow","voter":"policy"}]}',
        id %% 500, pk, seq, digest, id, repeat('c', 64), md5(id::text)), 'UTF8') AS entry FROM rows
)
INSERT INTO audit_event (id, xact_id, writer_id, writer_seq, at, event, actor, action, target, verdict,
    trace_id, entry, leaf_hash)
SELECT id, pg_current_xact_id(), '00000000-0000-4000-8000-000000000000', id,
    '2026-02-12T18:30:00Z', 'incident_opened', 'system:ingest', 'incidents:incident:open',
    'incidents.incident:INC-' || id %% 500, 'allow', md5(id::text), entry, sha256('\\x00'::bytea || entry)
FROM entries
"""
PENDING = (
    "INSERT INTO audit_pending SELECT generate_series(%(first)s::bigint, %(last)s::bigint);"
    "SELECT setval('audit_event_id_seq', %(last)s)"
)
FILLED = ("incidents_incident", "incidents_historicalincident", "audit_event", "audit_event_p0")


def main(rows: int, workers: int | None) -> None:
    with database() as server:
        set_up()
        began = time.monotonic()
        _fill(server.superuser_url("vigil"), rows)
        _publish()
        filled = time.monotonic() - began
        result = _measure(workers)
    result |= {"filled_seconds": round(filled, 1), "goal_seconds": round(GOAL * rows / 1e6, 1)}
    table("verify_ledger --rows", [("", "measured")] + [(k, str(v)) for k, v in result.items()])


def _fill(url: str, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as opened:
        for name in FILLED:
            opened.execute(f"ALTER TABLE {name} DISABLE TRIGGER ALL")
        cursor = psycopg.ClientCursor(opened)
        for first in range(1, rows + 1, BATCH):
            span = {"first": first, "last": min(first + BATCH - 1, rows)}
            for statement in (ROWS, HISTORIES, EVENTS, PENDING):
                cursor.execute(statement, span)
            _say(f"filled {span['last']:,} of {rows:,} rows and events")
        for name in FILLED:
            opened.execute(f"ALTER TABLE {name} ENABLE TRIGGER ALL")
        opened.execute("VACUUM ANALYZE")


def _publish() -> None:
    """The log as the sequencer's process makes it, with a checkpoint for each of its batches."""
    from django.conf import settings
    from django.db import connection

    from audit.ledger import keys
    from audit.ledger.sequencer import sequence_pending
    from audit.ledger.signer import LedgerSigner

    settings.SIGNER_KEY.parent.mkdir(parents=True, exist_ok=True)
    signer = LedgerSigner(
        keys.ensure_signer_key(settings.SIGNER_KEY), settings.SIGNER_KEY.with_suffix(".state")
    )
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    batches = 0
    while _as("vigil_ledger", sequence_pending):
        _as("vigil_signer", signer.sign)
        batches += 1
        if batches % 25 == 0:
            _say(f"{batches} batches sequenced and signed")
    connection.close()


def _measure(workers: int | None) -> dict[str, Any]:
    command = [sys.executable, "manage.py", "verify_ledger", "--rows", "--json"]
    command += ["--workers", str(workers)] if workers else []
    before, began, served = os.times(), time.monotonic(), _database_cpu()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - began
        report = json.loads(process.stdout.read() if process.stdout else "")
    after = os.times()
    spent, served = sum(after[2:4]) - sum(before[2:4]), _database_cpu() - served
    return {
        "status": report["status"],
        "entries": report["size"],
        "rows": report["rows"],
        "histories": report["histories"],
        "workers": workers or os.cpu_count(),
        "seconds": round(seconds, 1),
        "rows_per_second": round(report["rows"] / seconds),
        "verifier_cpu_seconds": round(spent, 1),
        "database_cpu_seconds": round(served, 1),
        "peak_memory_mib": round(peak / 2**20),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _database_cpu() -> float:
    """Of the server and all its processes, those that have ended included."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SHOW data_directory")
        (directory,) = cursor.fetchone()
    connection.close()
    server = psutil.Process(int(Path(directory, "postmaster.pid").read_text().split()[0]))
    living = [each.cpu_times() for each in (server, *server.children())]
    ended = server.cpu_times()
    return sum(each.user + each.system for each in living) + (
        ended.children_user + ended.children_system
    )


def _memory(pid: int) -> int:
    """Resident, of the process and all below it. What they share is counted for each."""
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:  # It ended between two looks.
        return total
    return total


def _as(role: str, work: Callable[[], Any]) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
    return work()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    main(given.rows, given.workers)
