"""What the axioms stopped is counted by the database, with each denial, and in no other way."""

import threading

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from audit.approvals.services import approval_give
from audit.governance_selectors import stopped_by_axioms
from audit.models import ApprovalRequest, Event
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import AuditUnavailable, GovernanceDenied
from tests.audit.test_approvals import dismissed
from tests.database import as_role, as_superuser, pointed_at
from tests.people import Cast

AXIOM = "no-self-approval"


def stop(cast: Cast, asked: ApprovalRequest) -> None:
    with pytest.raises(GovernanceDenied):
        approval_give(asked=asked, by=cast.principal("commander"))


def test_each_denial_by_an_axiom_counts_once(committed_cast: Cast) -> None:
    asked = dismissed(committed_cast)
    assert stopped_by_axioms().counts == {}
    for times in (1, 2, 3):
        stop(committed_cast, asked)
        assert stopped_by_axioms().counts == {AXIOM: times}


def test_a_denial_by_others_than_the_axioms_does_not(committed_cast: Cast) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=committed_cast.principal("auditor"))
    assert Event.objects.filter(verdict="deny").exists()
    assert stopped_by_axioms().counts == {}


def test_denials_at_the_same_moment_all_count(committed_cast: Cast) -> None:
    asked = dismissed(committed_cast)

    def several() -> None:
        try:
            for _ in range(5):
                stop(committed_cast, asked)
        finally:
            connection.close()

    threads = [threading.Thread(target=several) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stopped_by_axioms().counts == {AXIOM: 20}


def test_what_is_not_on_record_is_not_counted(committed_cast: Cast) -> None:
    asked = dismissed(committed_cast)
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        with pytest.raises(AuditUnavailable):
            approval_give(asked=asked, by=committed_cast.principal("commander"))
    assert stopped_by_axioms().counts == {}


def test_without_the_count_the_denial_is_not_recorded_and_nothing_happens(
    committed_cast: Cast,
) -> None:
    asked = dismissed(committed_cast)
    before = Event.objects.count()
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_stopped RENAME TO away")
        with pytest.raises(AuditUnavailable):
            approval_give(asked=asked, by=committed_cast.principal("commander"))
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_stopped VALUES ('x', 0, 1)",
        "UPDATE audit_stopped SET times = times + 1",
        "UPDATE audit_stopped SET times = 1",
        "DELETE FROM audit_stopped",
        "TRUNCATE audit_stopped",
        "UPDATE audit_stopped_since SET since = now()",
        "DELETE FROM audit_stopped_since",
        "TRUNCATE audit_stopped_since",
    ],
)
@pytest.mark.parametrize("role", ["vigil_app", "vigil_owner"])
def test_nobody_counts_by_hand(committed_cast: Cast, role: str, statement: str) -> None:
    stop(committed_cast, dismissed(committed_cast))
    with (
        as_role(role),
        pytest.raises((IntegrityError, ProgrammingError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert stopped_by_axioms().counts == {AXIOM: 1}


def test_every_partition_counts(committed_db: None) -> None:
    with as_role("vigil_owner"), connection.cursor() as cursor:
        cursor.execute("SELECT setval('audit_event_id_seq', 25000000)")
        cursor.execute("SELECT audit_ensure_partitions()")
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM pg_trigger"
            " WHERE tgrelid = inhrelid AND tgname = 'audit_count_stopped' AND tgenabled = 'A'))"
            " FROM pg_inherits WHERE inhparent = 'audit_event'::regclass"
        )
        partitions, counting = cursor.fetchone()
    assert partitions == counting > 2


def test_the_upgrade_counts_what_was_denied_before(committed_cast: Cast) -> None:
    asked = dismissed(committed_cast)
    for _ in range(3):
        stop(committed_cast, asked)
    with pointed_at(connection.settings_dict["NAME"], role="vigil_owner"):
        call_command("migrate", "audit", "0012_retention", verbosity=0)
        # Denied by the version before, which counts nothing.
        stop(committed_cast, asked)
        with pytest.raises(DatabaseError):
            stopped_by_axioms()
        call_command("migrate", verbosity=0)
    stop(committed_cast, asked)
    counted = stopped_by_axioms()
    assert counted.counts == {AXIOM: 5}
    assert counted.since == Event.objects.earliest("id").at
