"""The journal and the ledger explain each other, or what does not fit is named."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import time_machine

from audit.journal import findings
from audit.journal.errors import Harm
from audit.journal.findings import Committed, Kind, Reconciliation
from audit.journal.intent import Intent
from audit.journal.reconcile import reconcile
from audit.journal.writer import Writer
from tests.audit.journal.reading import WHAT, paths


def leaf(event_id: int) -> bytes:
    return event_id.to_bytes(32)


def event(intent: Intent, event_id: int, **instead: object) -> Committed:
    usual = {"leaf_hash": leaf(event_id), "writer_id": UUID(intent.writer)}
    return Committed(event_id, **{**usual, "writer_seq": intent.seq, **instead})


class Books:
    """A journal and a ledger that are kept together, until a test does something else."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.events: list[Committed] = []

    def mean(self, event_id: int | None) -> Intent:
        return self.writer.intent(event_id=event_id, **WHAT)

    def commit(self, event_id: int) -> Intent:
        intent = self.mean(event_id)
        self.events.append(event(intent, event_id))
        intent.committed(event_id=event_id, leaf_hash=leaf(event_id))
        return intent

    def reconciled(self, **options: int) -> Reconciliation:
        """As after the end of the process."""
        self.writer.close()
        return reconcile(self.writer.directory, lambda: self.events, **options)


@pytest.fixture
def books(writer: Writer) -> Books:
    return Books(writer)


def found(result: Reconciliation) -> list[tuple[Kind, int | None]]:
    return [(each.kind, each.event_id) for each in result.findings]


def test_what_was_meant_and_done_needs_no_explanation(books: Books) -> None:
    for event_id in range(1, 6):
        books.commit(event_id)
    books.mean(6).rolled_back(ValueError())
    result = books.reconciled()
    assert (result.intents, result.events, result.findings) == (6, 5, [])
    assert not result.is_alarming


def test_a_crash_before_the_commit_is_explained(books: Books) -> None:
    books.commit(1)
    intent = books.mean(2)
    result = books.reconciled()
    [finding] = result.findings
    assert (finding.kind, finding.event_id) == (Kind.NOTHING_HAPPENED, 2)
    assert (finding.writer, finding.seq) == (intent.writer, intent.seq)
    assert not result.is_alarming


def test_a_crash_after_the_commit_is_explained(books: Books) -> None:
    books.events.append(event(books.mean(1), 1))
    result = books.reconciled()
    assert found(result) == [(Kind.UNSAID, 1)]
    assert not result.is_alarming


def test_an_event_that_the_database_lost_is_an_alarm(books: Books) -> None:
    books.commit(1)
    books.commit(2)
    del books.events[0]
    result = books.reconciled()
    assert found(result) == [(Kind.LOST, 1)]
    assert result.is_alarming


def test_an_event_that_nobody_meant_is_an_alarm(books: Books) -> None:
    books.commit(1)
    books.events.append(Committed(2, leaf(2), uuid4(), 7))
    result = books.reconciled()
    assert found(result) == [(Kind.UNJOURNALED, 2)]
    assert result.is_alarming


def test_an_event_that_borrows_anothers_line_is_an_alarm(books: Books) -> None:
    intent = books.commit(1)
    books.events.append(event(intent, 2))
    assert found(books.reconciled()) == [(Kind.UNJOURNALED, 2)]


@pytest.mark.parametrize(
    "instead",
    [{"leaf_hash": leaf(99)}, {"writer_seq": 99}, {"writer_id": uuid4()}],
    ids=["another entry", "another line", "another writer"],
)
def test_an_event_that_is_not_what_was_committed_is_an_alarm(
    books: Books, instead: dict[str, object]
) -> None:
    intent = books.commit(1)
    books.events = [event(intent, 1, **instead)]
    result = books.reconciled()
    assert found(result) == [(Kind.CONTRADICTED, 1)]
    assert result.is_alarming


def test_an_event_of_what_was_rolled_back_is_an_alarm(books: Books) -> None:
    intent = books.mean(1)
    intent.rolled_back(ValueError())
    books.events.append(event(intent, 1))
    assert found(books.reconciled()) == [(Kind.CONTRADICTED, 1)]


def test_two_intents_do_not_share_an_event(books: Books) -> None:
    books.mean(1)
    books.commit(1)
    assert found(books.reconciled()) == [(Kind.UNSAID, 1), (Kind.CONTRADICTED, 1)]


def test_an_intent_that_drew_no_number_is_matched_by_its_line(books: Books) -> None:
    books.events.append(event(books.mean(None), 1))
    intent = books.mean(None)
    books.events.append(event(intent, 2))
    intent.committed(event_id=2, leaf_hash=leaf(2))
    assert found(books.reconciled()) == [(Kind.UNSAID, 1)]


def test_an_outcome_in_a_later_file_counts(directory: Path) -> None:
    books = Books(Writer(directory, max_file=1))
    for event_id in range(1, 4):
        books.commit(event_id)
    assert len(paths(directory)) == 6
    assert books.reconciled().findings == []


def test_what_is_older_than_the_events_asked_for_is_left_out(books: Books) -> None:
    for event_id in (1, 2, 3):
        books.commit(event_id)
    del books.events[0]
    result = books.reconciled(first_event=2)
    assert (result.intents, result.events, result.findings) == (2, 2, [])


def test_two_machines_are_reconciled_together(tmp_path: Path) -> None:
    one, two = (Books(Writer(tmp_path / name)) for name in ("one", "two"))
    one.commit(1)
    two.commit(2)
    events = [*one.events, *two.events]
    result = reconcile([tmp_path / "one", tmp_path / "two"], lambda: events)
    assert result.findings == []
    alone = reconcile(tmp_path / "one", lambda: events)
    assert found(alone) == [(Kind.UNJOURNALED, 2)]


def test_no_journal_explains_nothing(tmp_path: Path) -> None:
    result = reconcile(tmp_path / "none", lambda: [Committed(1, leaf(1), uuid4(), 1)])
    assert found(result) == [(Kind.UNJOURNALED, 1)]


def test_a_file_that_was_taken_away_shows(books: Books) -> None:
    books.commit(1)
    books.writer.close()
    shutil.rmtree(books.writer.directory)
    assert found(books.reconciled()) == [(Kind.UNJOURNALED, 1)]


def test_a_damaged_file_is_read_up_to_its_first_bad_line(books: Books) -> None:
    books.commit(1)
    books.commit(2)
    books.writer.close()
    [path] = paths(books.writer.directory)
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*rows[:3], *rows[4:]]))
    result = books.reconciled()
    assert [(each.harm, each.number) for each in result.damages] == [(Harm.DELETED, 4)]
    assert found(result) == [(Kind.UNJOURNALED, 2)]
    assert result.is_alarming


def test_what_a_running_process_is_about_is_not_an_orphan(books: Books) -> None:
    books.mean(1)
    result = reconcile(books.writer.directory, list)
    assert (result.in_flight, result.findings) == (1, [])
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        later = reconcile(books.writer.directory, list)
    assert found(later) == [(Kind.NOTHING_HAPPENED, 1)]


def test_what_is_committed_meanwhile_is_no_alarm(books: Books) -> None:
    """Between the two readings of the journal one call begins and ends, one only ends."""
    intent = books.mean(1)

    def events() -> Iterator[Committed]:
        yield event(intent, 1)
        intent.committed(event_id=1, leaf_hash=leaf(1))
        books.commit(2)
        yield books.events[-1]
        books.commit(3)  # after the database was read

    result = reconcile(books.writer.directory, events)
    assert (result.findings, result.in_flight) == ([], 0)


def test_all_are_counted_and_the_first_are_kept(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "KEPT", 2)
    for event_id in range(1, 6):
        books.commit(event_id)
    books.events.clear()
    result = books.reconciled()
    assert result.counts[Kind.LOST] == 5
    assert found(result) == [(Kind.LOST, 1), (Kind.LOST, 2)]
    assert result.to_json()["lost"] == 5


def test_a_torn_last_line_was_never_taken(books: Books) -> None:
    books.commit(1)
    books.mean(2)
    [path] = paths(books.writer.directory)
    os.truncate(path, path.stat().st_size - 7)
    result = reconcile(books.writer.directory, lambda: books.events)
    assert (result.intents, result.findings, result.damages) == (1, [], [])
