"""Who beats and does not work is found by what waits for it."""

from typing import Any

import psycopg
import pytest
from django.db import connection

from incidents.tasks import drain_receipts
from portal import backlog as module
from portal import probes
from portal.backlog import Backlog
from portal.watchdog import State
from tests import database
from tests.incidents.ingesting import received
from tests.people import Cast

# Asked before any test has a `var` of its own, since the server's socket is in the usual one.
ANY = database.url_of("no_such_database")


def asked(backlog: Backlog) -> None:
    url = ANY.replace("no_such_database", connection.settings_dict["NAME"])
    assert probes.database(url, backlog.ask).state is State.OK


def test_before_anything_is_known_nothing_is_wrong() -> None:
    backlog = Backlog()
    assert backlog.queue().state is backlog.ledger().state is State.OK


def test_alerts_that_wait_for_too_long_are_found_until_the_worker_has_taken_them(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = Backlog()
    received(committed_cast, "one")
    asked(backlog)
    assert backlog.queue().state is State.OK, "for a moment each of them waits"
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.0)
    found = backlog.queue()
    assert (found.state, found.detail[:19]) == (State.FAILING, "alerts that wait: 1")
    drain_receipts()
    asked(backlog)
    assert backlog.queue().state is State.OK


def test_too_many_alerts_that_wait_are_found_before_they_are_old(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.MOST_WAITING == 100
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    backlog = Backlog()
    for key, state in (("one", State.OK), ("two", State.FAILING)):
        received(committed_cast, key)
        asked(backlog)
        assert backlog.queue().state is state


def test_a_signer_that_beats_and_signs_nothing_is_found(
    committed_cast: Cast, settings: Any
) -> None:
    backlog = Backlog()
    asked(backlog)
    assert backlog.ledger().state is State.OK
    settings.MAX_CHECKPOINT_LAG = -1
    found = backlog.ledger()
    assert found.state is State.FAILING
    assert found.detail.endswith("nothing is changed")


def test_while_the_database_is_away_the_last_word_stands(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = Backlog()
    received(committed_cast, "one")
    asked(backlog)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.0)
    with pytest.raises(psycopg.OperationalError):
        probes.database(ANY, backlog.ask)
    assert backlog.queue().state is State.FAILING


def test_before_the_migrations_nothing_is_known_and_nothing_fails() -> None:
    backlog = Backlog()
    assert probes.database(database.conninfo("postgres"), backlog.ask).state is State.OK
    assert backlog.queue().state is State.OK
