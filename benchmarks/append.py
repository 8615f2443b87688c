"""What the record costs: 16 writers, each on rows of its own.

    python -m benchmarks.append [seconds]

Services: a governed call beside the same change without gate and record. SQL: an update with its
event and row capture, beside a bare update and beside a `prev_hash` chain under a lock. Each round
measures all of them, one after the other; the medians of three rounds are compared.
"""

import hashlib
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable

import psycopg

from benchmarks.stand import database, percentile, set_up, table

WRITERS, ROUNDS = 16, 3
ENTRY = b'{"action":"a","actor":"b","event":"e"}'
UNGOVERNED = "service, bare"
Result = tuple[int, list[float]]


def main(seconds: float = 4.0) -> None:
    with database() as server:
        set_up()
        _prepare(server.superuser_url("vigil"))
        results: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in WRITES}
        for _ in range(ROUNDS):
            for name in WRITES:
                _capture(server.superuser_url("vigil"), is_on=name != UNGOVERNED)
                results[name].append(_round(name, seconds))
        _report(results)


def _capture(url: str, *, is_on: bool) -> None:
    state = "ENABLE ALWAYS" if is_on else "DISABLE"
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute(f"ALTER TABLE incidents_service {state} TRIGGER audit_capture")


def _prepare(url: str) -> None:
    from audit.principal import system
    from audit.rows import row_save
    from incidents.models import Service

    for number in range(WRITERS):
        row_save(instance=Service(slug=f"s{number}", name="x"), by=system("bench"))
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute(
            "CREATE TABLE bare (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
            "CREATE TABLE captured (LIKE bare INCLUDING ALL);"
            "CREATE TABLE chain (id bigserial PRIMARY KEY, entry text, hash text);"
            "INSERT INTO bare (id) SELECT generate_series(0, 15);"
            "INSERT INTO captured (id) SELECT generate_series(0, 15);"
            "GRANT ALL ON bare, captured, chain, chain_id_seq TO vigil_app;"
            "SET ROLE vigil_owner; RESET ROLE;"
            "ALTER TABLE captured OWNER TO vigil_owner;"
            "SET ROLE vigil_owner; SELECT audit_protect('captured', 'governed')"
        )


def _round(name: str, seconds: float) -> tuple[float, list[float]]:
    """Writes a second by all writers together, and how long each write took."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(WRITERS) as pool:
        # One idle round first, so that nobody measures the start of a process.
        pool.starmap(_write, [(name, number, 0.2) for number in range(WRITERS)], chunksize=1)
        found = pool.starmap(
            _write, [(name, number, seconds) for number in range(WRITERS)], chunksize=1
        )
    durations = [duration for _count, took in found for duration in took]
    return sum(count for count, _took in found) / seconds, durations


def _write(name: str, number: int, seconds: float) -> Result:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    write = WRITES[name](number)
    write()
    durations = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        write()
        durations.append(time.perf_counter() - began)
    return len(durations), durations


def _governed(number: int) -> Callable[[], None]:
    from audit.principal import system
    from audit.rows import row_save
    from incidents.models import Service

    service, by = Service.objects.get(slug=f"s{number}"), system("bench")

    def write() -> None:
        service.description = str(time.perf_counter_ns())
        row_save(instance=service, by=by)

    return write


def _ungoverned(number: int) -> Callable[[], None]:
    """The same rows by the same ORM, service and history, with no gate, capture or entry."""
    from datetime import UTC, datetime

    from django.db import transaction

    from audit import journal, record
    from audit.gate.types import Action, Decision, Request, Resource, Verdict
    from audit.ledger.append import Drawn
    from audit.principal import system
    from incidents.models import Service

    request = Request(system("bench"), Action("a:b:c", event="none"), Resource("a", "b"))
    decision = Decision(Verdict.ALLOW, "", (), {}, "")
    drawn = Drawn(1, datetime.now(UTC))
    intent = journal.intent(event_id=1, actor="", action="", target="", verdict="allow", policy="")
    made = record.Record(drawn, intent, request, decision, "none", "none")
    record._current.set(made)
    service = Service.objects.get(slug=f"s{number}")

    def write() -> None:
        service.description = str(time.perf_counter_ns())
        with transaction.atomic():
            service.save()

    return write


def _sql(*statements: str) -> Callable[[int], Callable[[], None]]:
    """Each statement in a message of its own, as applications send them, and nothing around it."""

    def prepare(number: int) -> Callable[[], None]:
        send = _sender()
        messages = [
            b"BEGIN",
            *(each.replace("$ID", str(number)).encode() for each in statements),
            b"COMMIT",
        ]

        def write() -> None:
            for message in messages:
                send(message)

        return write

    return prepare


def _chain(number: int) -> Callable[[], None]:
    """As it is written everywhere: under a lock, read the last hash, hash, insert."""
    send = _sender()

    def write() -> None:
        send(b"BEGIN")
        send(b"UPDATE bare SET n = n + 1 WHERE id = %d" % number)
        send(b"SELECT pg_advisory_xact_lock(1)")
        last = send(b"SELECT hash FROM chain ORDER BY id DESC LIMIT 1").get_value(0, 0) or b""
        digest = hashlib.sha256(last + ENTRY).hexdigest().encode()
        send(b"INSERT INTO chain (entry, hash) VALUES ('%s', '%s')" % (ENTRY, digest))
        send(b"COMMIT")

    return write


def _sender() -> Callable[[bytes], psycopg.pq.PGresult]:
    from django.db import connection

    connection.ensure_connection()
    server = connection.connection.pgconn

    def send(message: bytes) -> psycopg.pq.PGresult:
        answer = server.exec_(message)
        assert not answer.error_message, answer.error_message
        return answer

    return send


WRITES: dict[str, Callable[[int], Callable[[], None]]] = {
    "service, governed": _governed,
    UNGOVERNED: _ungoverned,
    "SQL, bare update": _sql("UPDATE bare SET n = n + 1 WHERE id = $ID"),
    "SQL, event and capture": _sql(
        "UPDATE captured SET n = n + 1 WHERE id = $ID",
        "WITH drawn AS (SELECT nextval('audit_event_id_seq') AS id),"
        " captured AS (SELECT summary FROM audit_captured())"
        " INSERT INTO audit_event (id, writer_id, writer_seq, entry)"
        ' SELECT id, gen_random_uuid(), 1, convert_to(format(\'{"action":"a","actor":"b",'
        '"changes":%s,"event":"e","id":%s,"target":"t","timestamp":"2026-01-01T00:00:00Z",'
        '"trace_id":"","verdict":"allow"}\', summary, id), \'UTF8\') FROM drawn, captured',
    ),
    "SQL, prev_hash chain": _chain,
}
COMPARED = (
    ("service, governed", UNGOVERNED, 0.5),
    ("SQL, event and capture", "SQL, bare update", 0.3),
    ("SQL, event and capture", "SQL, prev_hash chain", 2.0),
)


def _report(results: dict[str, list[tuple[float, list[float]]]]) -> None:
    rate = {name: statistics.median(r for r, _took in rounds) for name, rounds in results.items()}
    took = {name: [d for _r, ds in rounds for d in ds] for name, rounds in results.items()}
    rows = [("", "writes/s", "p50 ms", "p99 ms")]
    rows += [
        (n, f"{rate[n]:.0f}", f"{percentile(took[n], 0.5):.2f}", f"{percentile(took[n], 0.99):.2f}")
        for n in results
    ]
    table(f"append: {WRITERS} writers", rows)
    ratios = [("", "ratio", "goal")]
    ratios += [(f"{a} / {b}", f"{rate[a] / rate[b]:.2f}", f"≥ {goal}") for a, b, goal in COMPARED]
    table("ratios", ratios)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]))
