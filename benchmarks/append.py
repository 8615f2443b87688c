"""What gate and record cost a service: 16 writers, each on rows of its own.

    python -m benchmarks.append [seconds]

Each governed call beside the same call without gate, journal, capture and entry: handing over a
role in an incident and publishing a status update of it, as a commander does, and saving a row of
configuration, the smallest change there is. Each round measures all of them, one after the other; the medians of three rounds are compared.
"""

import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import psycopg

from benchmarks.stand import database, percentile, set_up, table

WRITERS, ROUNDS = 16, 3
GOAL = 0.5
Result = tuple[int, list[float]]


def main(seconds: float = 4.0) -> None:
    with database() as server:
        set_up()
        _prepare()
        results: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in WRITES}
        for _ in range(ROUNDS):
            for name in WRITES:
                _capture(server.superuser_url("vigil"), is_on=not name.endswith(BARE))
                results[name].append(_round(name, seconds))
        _report(results)


def _capture(url: str, *, is_on: bool) -> None:
    state = "ENABLE ALWAYS" if is_on else "DISABLE"
    with psycopg.connect(url, autocommit=True) as opened:
        captured = opened.execute(
            "SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'audit_capture' AND tgparentid = 0"
        )
        for (name,) in captured.fetchall():
            opened.execute(f"ALTER TABLE {name} {state} TRIGGER audit_capture")


def _prepare() -> None:
    from audit.models import User
    from audit.principal import person, system
    from audit.rows import row_save
    from incidents.models import Incident, Service
    from incidents.services.incidents import incident_open
    from portal.first_run import first_run

    first_run(keep=lambda _made: None)
    commander = person(User.objects.get(username="commander"))
    for number in range(WRITERS):
        row_save(instance=Service(slug=f"s{number}", name="x"), by=system("bench"))
        incident_open(incident=Incident(title=f"Number {number}", severity="P1"), by=commander)


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


def _save(number: int, *, is_governed: bool) -> Callable[[], None]:
    from audit.principal import system
    from audit.rows import row_save
    from incidents.models import Service

    service, by = Service.objects.get(slug=f"s{number}"), system("bench")

    def write() -> None:
        service.description = str(time.perf_counter_ns())
        if is_governed:
            row_save(instance=service, by=by)
        else:
            _barely(service.save)

    return write


def _publish(number: int, *, is_governed: bool) -> Callable[[], None]:
    from audit.models import User
    from audit.principal import person
    from incidents.models import Incident
    from incidents.services.publishing import status_update

    incident = Incident.objects.get(title=f"Number {number}")
    by = person(User.objects.get(username="commander"))
    said: dict[str, Any] = {"incident": incident, "by": by, "text": "We are still looking into it."}

    def write() -> None:
        if is_governed:
            status_update(**said)
        else:
            _barely(lambda: status_update.__wrapped__(**said))  # type: ignore[attr-defined] # the service itself

    return write


def _hand_over(number: int, *, is_governed: bool) -> Callable[[], None]:
    from audit.models import User
    from audit.principal import person
    from incidents.models import Incident, IncidentRole
    from incidents.services.incidents import incident_assign
    from portal.lib.errors import Conflict

    incident = Incident.objects.get(title=f"Number {number}")
    people = cycle(User.objects.filter(username__in=("commander", "responder")).order_by("id"))
    by = person(User.objects.get(username="commander"))

    def write() -> None:
        said = {
            "incident": incident,
            "by": by,
            "role": IncidentRole.Role.DEPUTY,
            "user": next(people),
        }
        try:
            if is_governed:
                incident_assign(**said)
            else:
                _barely(lambda: incident_assign.__wrapped__(**said))  # type: ignore[attr-defined] # the service itself
        except Conflict:
            write()  # the round before ended with the same person

    return write


def _barely(change: Callable[[], object]) -> None:
    """The change in its transaction, with no gate, intent or entry."""
    from datetime import UTC, datetime

    from django.db import transaction

    from audit import journal, record
    from audit.gate.types import Action, Decision, Request, Resource, Verdict
    from audit.ledger.append import Drawn
    from audit.principal import system

    request = Request(system("bench"), Action("a:b:c", event="none"), Resource("a", "b"))
    decision = Decision(Verdict.ALLOW, "", (), {}, "")
    intent = journal.Intent(None, writer="", seq=1, event_id=1)  # type: ignore[arg-type] # a file is never asked for
    made = record.Record(Drawn(1, datetime.now(UTC)), intent, request, decision, "none", "none")
    token = record._current.set(made)
    try:
        with transaction.atomic():
            change()
    finally:
        record._current.reset(token)


BARE = ", bare"
HAND_OVER, PUBLISH, SAVE = "hand over a role", "publish a status update", "save a row"
WRITES: dict[str, Callable[[int], Callable[[], None]]] = {
    HAND_OVER: lambda number: _hand_over(number, is_governed=True),
    HAND_OVER + BARE: lambda number: _hand_over(number, is_governed=False),
    PUBLISH: lambda number: _publish(number, is_governed=True),
    PUBLISH + BARE: lambda number: _publish(number, is_governed=False),
    SAVE: lambda number: _save(number, is_governed=True),
    SAVE + BARE: lambda number: _save(number, is_governed=False),
}


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
    ratios += [
        (n, f"{rate[n] / rate[n + BARE]:.2f}", f"≥ {GOAL}") for n in (HAND_OVER, PUBLISH, SAVE)
    ]
    table("append: governed beside bare", ratios)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]))
