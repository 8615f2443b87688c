"""How long a page of the audit viewer takes when the record has 1,000 events, and when it has many.

    python -m benchmarks.viewer [events] [--explain]

Events are made up and put in by the superuser, past the triggers: this measures reading alone. Each
page is asked for as the pages and the API do, 50 events of it. The best of fifteen counts: what else runs
on the machine is no matter of the record's length.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks.stand import database, set_up, table

SMALL, RUNS, PAGE = 1_000, 15, 50
CHUNK = 250_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

# Every entry has `deployment`, every tenth `rollback`, the oldest alone `zanzibar`; from the first half
# alone is `yesteryear`. One in a hundred was refused. There are 50 people, and an incident has 20 events.
_EVENTS = """
INSERT INTO audit_event (id, xact_id, writer_id, writer_seq, at, event, actor, action, target, verdict,
    trace_id, entry, leaf_hash)
SELECT id, '1'::xid8, gen_random_uuid(), id, at, event, actor, action, target, verdict, trace, entry,
    sha256('\\x00'::bytea || entry)
FROM (SELECT *, convert_to(jsonb_build_object('id', id, 'event', event, 'timestamp', at, 'actor', actor,
    'actor_type', 'user', 'action', action, 'target', target, 'verdict', verdict,
    'reason', 'axioms: no axiom forbids it', 'votes', '[]'::jsonb, 'policy', '', 'trace_id', trace,
    'changes', jsonb_build_array(jsonb_build_object('table', 'incidents_incident', 'pk', (id / 20)::text,
        'op', 'U', 'seq', id, 'sha256', md5(id::text))),
    'data', jsonb_build_object('reason', 'deployment ' || md5(id::text)
        || CASE WHEN id % 10 = 0 THEN ' rollback' ELSE '' END
        || CASE WHEN id <= 3 THEN ' zanzibar' ELSE '' END
        || CASE WHEN id <= {n} / 2 THEN ' yesteryear' ELSE '' END))::text, 'UTF8') AS entry
    FROM (SELECT id, '2026-01-01Z'::timestamptz + id * interval '1 second' AS at,
        (ARRAY['incident_classified', 'incident_acknowledged', 'sign_in', 'note_added'])[1 + id % 4]
            AS event,
        'user:person-' || id % 50 AS actor,
        (ARRAY['incidents:incident:classify', 'incidents:incident:acknowledge', 'audit:session:open',
            'incidents:incident:note'])[1 + id % 4] AS action,
        'incidents.incident:INC-' || id / 20 AS target,
        CASE WHEN id % 100 = 7 THEN 'deny' ELSE 'allow' END AS verdict,
        md5((id / 3)::text) AS trace
        FROM generate_series({first}::bigint, {last}::bigint) AS id) AS made) AS entries
"""
_LEAVES = (
    "INSERT INTO audit_leaf SELECT id - 1, id, leaf_hash FROM audit_event"
    " WHERE id BETWEEN {first} AND {last}"
)
_SEARCH = (
    "INSERT INTO audit_search SELECT id, at, audit_search_document(body),"
    " audit_search_about(body, body -> 'changes')"
    " FROM audit_event, LATERAL (SELECT convert_from(entry, 'UTF8')::jsonb AS body) AS read"
    " WHERE id BETWEEN {first} AND {last}"
)
_INDEXES = (
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
    " JOIN pg_class t ON t.oid = indrelid WHERE relkind = 'p' AND NOT indisprimary"
    " AND relname IN ('audit_event', 'audit_search')"
)
_HANDS_OFF = (
    "SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', c.oid::regclass) FROM pg_class c"
    " WHERE relname ~ '^audit_(event_p[0-9]+|leaf|head)$'"
)


def main(events: int, *, explains: bool) -> None:
    with database() as server:
        set_up()
        with psycopg.connect(server.superuser_url("vigil"), autocommit=True) as opened:
            results = {}
            for count in (SMALL, events):
                began = time.perf_counter()
                fill(opened, count)
                print(f"{count:,} events in {time.perf_counter() - began:.0f} s", flush=True)
                results[count] = {name: _took(ask) for name, ask in pages(count).items()}
            if explains:
                _explain(events)
        _report(results, events)


def fill(opened: psycopg.Connection, count: int) -> None:
    """From nothing. Indexes are made afterwards, which is quicker and comes to the same."""
    opened.execute("SELECT setval('audit_event_id_seq', %s)", [count])
    opened.execute("SELECT audit_ensure_partitions(), audit_ensure_search_partitions()")
    for (statement,) in opened.execute(_HANDS_OFF).fetchall():
        opened.execute(statement)
    opened.execute("DELETE FROM audit_event; DELETE FROM audit_leaf; DELETE FROM audit_search")
    opened.execute("DELETE FROM audit_pending")
    indexes = opened.execute(_INDEXES).fetchall()
    for name, _definition in indexes:
        opened.execute(f"DROP INDEX {name}")
    for first in range(1, count + 1, CHUNK):
        given = {"n": count, "first": first, "last": min(first + CHUNK - 1, count)}
        for statement in (_EVENTS, _LEAVES, _SEARCH):
            opened.execute(statement.format(**given))
    for _name, definition in indexes:
        opened.execute(definition.replace(" ON ONLY ", " ON "))
    opened.execute("UPDATE audit_head SET size = %s", [count])
    opened.execute("UPDATE audit_search_progress SET size = %s", [count])
    opened.execute("VACUUM ANALYZE audit_event, audit_search, audit_leaf")


def pages(count: int) -> dict[str, Callable[[], Any]]:
    from audit.event_filters import Cursor, EventFilter

    newest = BEGIN + timedelta(seconds=count)
    middle = Cursor(before=count // 2)
    target = f"incidents.incident:INC-{count // 40}"
    asked: dict[str, tuple[EventFilter, Cursor]] = {
        "newest page": (EventFilter(), Cursor()),
        "a page in the middle": (EventFilter(), middle),
        "newer than the middle": (EventFilter(), Cursor(after=count // 2)),
        "the oldest page": (EventFilter(), Cursor(before=51)),
        "actor": (EventFilter(actor="user:person-7"), Cursor()),
        "actor, from the middle": (EventFilter(actor="user:person-7"), middle),
        "actor user:*": (EventFilter(actor="user:*"), Cursor()),
        "action": (EventFilter(action="audit:session:open"), Cursor()),
        "action incidents:*": (EventFilter(action="incidents:*"), Cursor()),
        "target": (EventFilter(target=target), Cursor()),
        "event": (EventFilter(event="note_added"), Cursor()),
        "verdict allow": (EventFilter(verdict="allow"), Cursor()),
        "verdict deny": (EventFilter(verdict="deny"), Cursor()),
        "trace": (EventFilter(trace_id="c4ca4238a0b923820dcc509a6f75849b"), Cursor()),
        "last 10 minutes": (EventFilter(since=newest - timedelta(minutes=10)), Cursor()),
        "until the middle": (EventFilter(until=BEGIN + timedelta(seconds=count / 2)), Cursor()),
        "actor and verdict deny": (EventFilter(actor="user:person-7", verdict="deny"), Cursor()),
        "actor who was never denied": (
            EventFilter(actor="user:person-8", verdict="deny"),
            Cursor(),
        ),
        "actor and event": (EventFilter(actor="user:person-7", event="note_added"), Cursor()),
        "actor until the middle": (
            EventFilter(actor="user:person-7", until=BEGIN + timedelta(seconds=count / 2)),
            Cursor(),
        ),
        "text: in every entry": (EventFilter(text="deployment"), Cursor()),
        "text: in every entry, middle": (EventFilter(text="deployment"), middle),
        "text: in every tenth": (EventFilter(text="rollback"), Cursor()),
        "text: in the older half": (EventFilter(text="yesteryear"), Cursor()),
        "text: in the oldest three": (EventFilter(text="zanzibar"), Cursor()),
        "text: in none": (EventFilter(text="timbuktu"), Cursor()),
        "text: two words": (EventFilter(text="deployment rollback"), Cursor()),
        "text: a phrase": (EventFilter(text='"session open"'), Cursor()),
        "text: common, without another": (EventFilter(text="deployment -rollback"), Cursor()),
        "text and actor": (EventFilter(text="deployment", actor="user:person-7"), Cursor()),
        "rare text and actor": (EventFilter(text="zanzibar", actor="user:person-1"), Cursor()),
        "text until the middle": (
            EventFilter(text="rollback", until=BEGIN + timedelta(seconds=count / 2)),
            Cursor(),
        ),
        "about an incident": (EventFilter(about=target), Cursor()),
        "about a person": (EventFilter(about="user:person-7"), Cursor()),
    }
    return {name: _ask(*what) for name, what in asked.items()}


def _ask(filters: Any, cursor: Any) -> Callable[[], Any]:
    from audit.selectors import event_page

    return lambda: event_page(filters, cursor, limit=PAGE)


def _took(ask: Callable[[], Any]) -> float:
    """In milliseconds."""
    durations = []
    for _ in range(RUNS):
        began = time.perf_counter()
        ask()
        durations.append(time.perf_counter() - began)
    return min(durations) * 1000


def _explain(count: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for name, ask in pages(count).items():
        with CaptureQueriesContext(connection) as captured:
            ask()
        print(f"\n## {name}")
        for query in [q["sql"] for q in captured if q["sql"].startswith("SELECT")][-8:]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}")
                print(*(line for (line,) in cursor.fetchall() if "never" not in line), sep="\n")


def _report(results: dict[int, dict[str, float]], events: int) -> None:
    small, large = results[SMALL], results[events]
    rows = [("", f"{SMALL:,} ms", f"{events:,} ms", "ratio")]
    rows += [
        (name, f"{small[name]:.1f}", f"{took:.1f}", f"{took / small[name]:.1f}")
        for name, took in large.items()
    ]
    table("a page of the audit viewer", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--explain", action="store_true")
    arguments = parser.parse_args()
    main(arguments.events, explains=arguments.explain)
