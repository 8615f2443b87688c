"""What the journal says of a transaction is what became of it, or nothing."""

import contextlib
import time
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit.journal.intent import Intent
from audit.journal.transaction import transacted
from audit.journal.writer import Writer
from audit.models import Event
from tests.audit.journal.reading import WHAT, lines

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def intent(writer: Writer) -> Intent:
    return writer.intent(event_id=5, **WHAT)


def outcomes(directory: Path) -> list[dict[str, object]]:
    return [dict(each.fields) for each in lines(directory) if each.kind == "outcome"]


def results(writer: Writer) -> list[tuple[object, object]]:
    said = outcomes(writer.directory)
    return [(each["result"], each.get("error", each.get("event"))) for each in said]


def change(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_commit_is_written_down_with_its_event(writer: Writer, intent: Intent) -> None:
    with transacted(intent) as entry:
        change("SELECT 1")
        entry.event_id, entry.leaf_hash = 5, b"\x05" * 32
    assert outcomes(writer.directory) == [
        {"intent": intent.seq, "result": "committed", "event": 5, "leaf": "05" * 32}
    ]


def test_what_fails_before_the_commit_is_rolled_back(writer: Writer, intent: Intent) -> None:
    with pytest.raises(KeyError):
        with transacted(intent):
            raise KeyError
    assert results(writer) == [("rolled_back", "KeyError")]


def test_what_the_database_refuses_is_rolled_back(writer: Writer, intent: Intent) -> None:
    with pytest.raises(DatabaseError):
        with transacted(intent):
            change("SELECT 1 / 0")
    assert [result for result, _ in results(writer)] == ["rolled_back"]


def test_what_the_database_refuses_at_the_commit_is_rolled_back(
    writer: Writer, intent: Intent
) -> None:
    with pytest.raises(IntegrityError, match="unaudited change"):
        with transacted(intent):
            change("INSERT INTO auth_group (name) VALUES ('behind its back')")
    assert results(writer) == [("rolled_back", "IntegrityError")]


def test_a_hook_that_fails_after_the_commit_does_not_undo_it(
    writer: Writer, intent: Intent
) -> None:
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        with transacted(intent) as entry:
            entry.event_id, entry.leaf_hash = 5, b"\x05" * 32
            transaction.on_commit(fail)
    assert results(writer) == [("committed", 5)]


def test_nothing_is_said_where_the_connection_breaks_at_the_commit(
    writer: Writer, intent: Intent
) -> None:
    with pytest.raises(DatabaseError):
        with transacted(intent):
            change("SELECT 1")
            connection.connection.close()
    assert results(writer) == []


def test_nothing_is_said_where_the_server_ends_the_session_at_the_commit(
    writer: Writer, intent: Intent
) -> None:
    """A fatal error may come after the commit was made, so that it says nothing about it."""
    with contextlib.suppress(DatabaseError):
        with transacted(intent):
            change("SET LOCAL idle_in_transaction_session_timeout = 10")
            time.sleep(0.2)
    assert results(writer) == []


def test_no_transaction_is_begun_inside_another(writer: Writer, intent: Intent) -> None:
    with transaction.atomic():
        with pytest.raises(RuntimeError, match="durable"):
            with transacted(intent):
                change("SELECT 1")
    assert results(writer) == [("rolled_back", "RuntimeError")]
    assert Event.objects.filter(pk=5).count() == 0
