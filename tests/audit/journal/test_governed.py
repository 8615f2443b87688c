"""No effect without a record, and no record of an effect that did not happen left unexplained."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rfc8785
from django.conf import settings as configured
from django.db import DatabaseError, connection

from audit import journal
from audit.journal import disk
from audit.journal.events import committed_events
from audit.journal.findings import Kind, Reconciliation
from audit.journal.reconcile import reconcile
from audit.models import Event
from audit.principal import person
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import AuditUnavailable, GovernanceDenied
from tests.audit.journal.reading import lines
from tests.database import as_superuser
from tests.people import TESTS, Cast

ROOT = Path(__file__).parents[3]


@pytest.fixture
def journaled(directory: Path, settings: object, committed_cast: Cast) -> Iterator[Path]:
    settings.JOURNAL_DIR = directory
    yield directory
    journal.close()


def add_service(slug: str = "api") -> None:
    row_save(instance=Service(slug=slug, name=slug), by=TESTS)


def reconciled(directory: Path, first: int) -> Reconciliation:
    journal.close()
    return reconcile(directory, lambda: committed_events(first), first_event=first)


@pytest.fixture
def first(journaled: Path) -> int:
    """The number of the first event that this journal is to explain."""
    return Event.objects.latest("id").id + 1


def test_a_change_is_meant_committed_and_said(journaled: Path, first: int) -> None:
    add_service()
    event = Event.objects.latest("id")
    _, intent, outcome = lines(journaled)
    assert intent.fields["event"] == outcome.fields["event"] == event.id
    assert outcome.fields["leaf"] == bytes(event.leaf_hash).hex()
    assert (str(event.writer_id), event.writer_seq) == (intent.writer, intent.seq)
    assert reconciled(journaled, first).findings == []


def test_a_refusal_is_written_down_too(journaled: Path, first: int, committed_cast: Cast) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="api", name="API"), by=person(committed_cast.outsider))
    assert [each.fields.get("verdict") for each in lines(journaled)][1] == "deny"
    assert reconciled(journaled, first).findings == []


def test_without_a_journal_nothing_is_done(
    journaled: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free", lambda _where: 0.01)
    with pytest.raises(AuditUnavailable):
        add_service()
    assert not Service.objects.exists()
    assert Event.objects.filter(id__gte=first).count() == 0


def test_without_a_ledger_nothing_is_done_and_the_journal_says_so(
    journaled: Path, first: int
) -> None:
    with as_superuser() as opened:
        opened.execute("ALTER TABLE audit_event RENAME TO broken")
        with pytest.raises((AuditUnavailable, DatabaseError)):
            add_service()
        opened.execute("ALTER TABLE broken RENAME TO audit_event")
    assert not Service.objects.exists()
    assert lines(journaled)[-1].fields["result"] == "rolled_back"
    assert reconciled(journaled, first).findings == []


DIES = """
import os
import django
django.setup()
if "{when}" == "before":
    from audit.record import Record
    Record.append = lambda _record: os._exit(1)
else:
    from audit.journal.intent import Intent
    Intent.committed = lambda *_args, **_kwargs: os._exit(1)
from audit.principal import system
from audit.rows import row_save
from incidents.models import Service
row_save(instance=Service(slug="api", name="API"), by=system("tests"))
"""


@pytest.mark.parametrize(
    ("when", "kind"), [("before", Kind.NOTHING_HAPPENED), ("after", Kind.UNSAID)]
)
def test_a_process_that_dies_around_the_commit_is_explained(
    journaled: Path, first: int, when: str, kind: Kind
) -> None:
    made = connection.settings_dict
    url = f"postgresql://{made['USER']}@/{made['NAME']}?host={made['HOST']}"
    subprocess.run(
        [sys.executable, "-c", DIES.replace("{when}", when)],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": os.environ.get("DATABASE_URL") or url,
            "VIGIL_DATABASE_ROLE": "vigil_app",
            "VIGIL_VAR": str(configured.VAR.var),
            "VIGIL_JOURNAL_DIR": str(journaled),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        },
        check=False,
        timeout=60,
    )
    result = reconciled(journaled, first)
    assert [each.kind for each in result.findings] == [kind]
    assert not result.is_alarming
    assert Service.objects.exists() is (when == "after")


def test_an_event_written_around_the_journal_is_an_alarm(journaled: Path, first: int) -> None:
    add_service()
    with as_superuser() as opened:
        row = opened.execute("SELECT nextval('audit_event_id_seq')").fetchone()
        assert row
        texts = dict.fromkeys(["event", "actor", "action", "target", "trace_id"], "x")
        entry = rfc8785.dumps(
            {**texts, "id": row[0], "verdict": "allow", "timestamp": "2026-01-01", "changes": []}
        )
        opened.execute(
            "INSERT INTO audit_event (id, writer_id, writer_seq, entry)"
            " VALUES (%s, gen_random_uuid(), 1, %s)",
            [row[0], entry],
        )
    result = reconciled(journaled, first)
    assert [each.kind for each in result.findings] == [Kind.UNJOURNALED]
    assert result.is_alarming


def test_an_event_that_a_superuser_removed_is_an_alarm(journaled: Path, first: int) -> None:
    add_service()
    with as_superuser() as opened:
        opened.execute("SET session_replication_role = replica")
        opened.execute("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        for (partition,) in opened.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'audit_event'::regclass"
        ).fetchall():
            opened.execute(f"ALTER TABLE {partition} DISABLE TRIGGER ALL")
        opened.execute("DELETE FROM audit_event WHERE id >= %s", [first])
    result = reconciled(journaled, first)
    assert [each.kind for each in result.findings] == [Kind.LOST]
    assert result.is_alarming
