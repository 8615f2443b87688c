"""A record with small partitions, so that some of it has had its time within a test."""

from datetime import timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from audit.ledger.report import Report
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerSigner
from audit.ledger.verify import verify
from audit.retention.dropped import dropped
from audit.rows import row_save
from incidents.models import Service
from tests.database import as_role, as_superuser
from tests.people import TESTS

SPAN = 30
PARTS = 6
TOMORROW = timedelta(days=1)


def make_small() -> None:
    """Before there is anything: partitions of 30 events in place of ten million."""
    with as_superuser() as superuser:
        superuser.execute("DROP TABLE audit_event_p0, audit_event_p1")
        for n in range(PARTS):
            upto = (n + 1) * SPAN if n + 1 < PARTS else 20_000_000
            superuser.execute(
                f"CREATE TABLE audit_event_p{n} PARTITION OF audit_event"
                f" FOR VALUES FROM ({n * SPAN}) TO ({upto})"
            )
            superuser.execute(f"ALTER TABLE audit_event_p{n} OWNER TO vigil_owner")


def publish(signer: LedgerSigner) -> None:
    with as_role("vigil_ledger"):
        while sequence_pending():
            pass
    with as_role("vigil_signer"):
        signer.sign()


def add_services(count: int, *, start: int = 0) -> None:
    for number in range(start, start + count):
        row_save(instance=Service(slug=f"s-{number}", name=f"Service {number}"), by=TESTS)


def add_many(slug: str) -> None:
    """In one event, so that its list of changes lies beside its entry."""
    row_save(
        instance=Service(slug=slug, name=slug),
        related=lambda: [
            Service.objects.create(slug=f"{slug}-{n}", name=f"{slug} {n}") for n in range(70)
        ],
        by=TESTS,
    )


def archive(directory: Path, *options: str, role: str = "vigil_app") -> None:
    """As if it were tomorrow, and a day had been long enough."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() + interval '1 day'")
        limit = cursor.fetchone()[0].isoformat()
    with as_role(role):
        call_command(
            "archive_ledger",
            "--dir",
            str(directory),
            "--older-than",
            limit,
            "--below-retention",
            "A test cannot wait",
            *options,
        )


def drop(directory: Path) -> None:
    archive(directory, "--drop", role="vigil_owner")


def report() -> Report:
    found = Report()
    verify(found, rows=True, archived=dropped().spans)
    return found
