"""Derived from the log, by the log's own role, and never in the way of it."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.ledger.sequencer import sequence_pending
from audit.models import Event, Head, SearchEntry, SearchProgress
from audit.rows import row_save
from audit.search import fill as filling
from audit.search.find import unsearchable
from incidents.models import Service
from tests.audit.sequencing import sequenced
from tests.database import as_role, as_superuser
from tests.people import TESTS, Cast


def add(count: int) -> None:
    for number in range(count):
        row_save(instance=Service(slug=f"s-{number}", name="x"), by=TESTS)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_search VALUES (1, now(), '', '{}')",
        "UPDATE audit_search SET document = ''",
        "DELETE FROM audit_search",
        "TRUNCATE audit_search",
        "UPDATE audit_search_progress SET size = 0",
    ],
)
def test_the_application_may_only_read_it(cast: Cast, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_appending_writes_nothing_of_it(cast: Cast) -> None:
    sequenced()
    before = SearchEntry.objects.count()
    add(1)
    assert SearchEntry.objects.count() == before


def test_it_goes_on_from_where_it_stopped(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BATCH", 4)
    add(5)
    with as_role("vigil_ledger"):
        while sequence_pending():
            continue
        assert filling.fill() == 4
    size = Head.objects.get().size
    assert unsearchable() == size - 4
    sequenced()
    assert unsearchable() == 0
    assert SearchProgress.objects.get().size == size == SearchEntry.objects.count()


def test_rows_beyond_the_64_that_an_entry_names_are_found(cast: Cast) -> None:
    def many() -> None:
        Service.objects.bulk_create(Service(slug=f"b-{n}", name="x") for n in range(70))

    row_save(instance=Service(slug="first", name="x"), related=many, by=TESTS)
    sequenced()
    event = Event.objects.order_by("-id")[0]
    last = Service.objects.order_by("-pk")[0]
    assert f"incidents_service:{last.pk}" in SearchEntry.objects.get(pk=event.pk).about


def test_an_entry_that_is_none_any_more_keeps_nothing_else_from_being_found(
    committed_cast: Cast,
) -> None:
    broken = Event.objects.order_by("id")[2]
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER USER")
        superuser.execute(
            "UPDATE audit_event_p0 SET entry = convert_to('{\"no', 'UTF8') WHERE id = %s",
            [broken.pk],
        )
    sequenced()
    assert unsearchable() == 0
    assert SearchEntry.objects.count() == Event.objects.count() - 1
    assert not SearchEntry.objects.filter(pk=broken.pk).exists()
