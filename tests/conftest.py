import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis
import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from audit import journal
from audit.gate import latch, moment
from audit.ledger import lag
from portal.health import readiness
from portal.lib.resilience import breaker, bulkhead, shared
from portal.limits import callers, classify, rates, shedding
from portal.limits.incidents import Incidents
from tests import database
from tests import settings as test_settings
from tests.people import Cast, make_cast

_running = ExitStack()
# Machines are noisy: how long an example takes says nothing.
hypothesis.settings.register_profile("vigil", deadline=None)
hypothesis.settings.load_profile("vigil")


def pytest_configure(config: pytest.Config) -> None:
    """The embedded server belongs to the run: the controller starts it, workers find it there."""
    if test_settings.IS_EMBEDDED and not hasattr(config, "workerinput"):
        _running.enter_context(database.embedded_server())


def pytest_unconfigure(config: pytest.Config) -> None:
    _running.close()
    journal.close()
    if not hasattr(config, "workerinput"):
        shutil.rmtree(test_settings.VAR.var, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of pytest-django's: migrated under the owner's role, used under the application's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"{database.TEMPLATE.removesuffix('_template')}_{os.getpid()}_{worker}"
    with django_db_blocker.unblock():
        database.ensure_template()
        database.clone(name)
        with database.pointed_at(name):
            yield
        database.drop(name)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database of the test's own, in which transactions really commit, also from other threads."""
    name = f"vigil_test_{os.getpid()}_{os.urandom(4).hex()}"
    with django_db_blocker.unblock():
        database.clone(name)
        with database.pointed_at(name):
            yield
        for connection in connections.all(initialized_only=True):
            connection.close()
        database.drop(name)


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    """For tests whose transaction is rolled back at the end. Services are called as from sessions
    with a second factor; a request is what its own session says."""
    with moment.with_second_factor(timezone.now()):
        yield make_cast()


@pytest.fixture
def committed_cast(committed_db: None) -> Iterator[Cast]:
    """For tests that really commit, likewise."""
    with moment.with_second_factor(timezone.now()):
        yield make_cast()


@pytest.fixture(autouse=True)
def own_latch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that closes the gate closes it for itself alone."""
    mine = test_settings.VAR.var / f"latch-{os.urandom(8).hex()}.json"
    monkeypatch.setattr(latch, "path", lambda: mine)


@pytest.fixture(autouse=True)
def one_look_at_the_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a test takes, so that queries can be counted."""
    monkeypatch.setattr(lag, "LOOK_EVERY", 3600.0)


@pytest.fixture(autouse=True)
def own_look_at_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that another test shared, and with patience."""
    monkeypatch.setattr(readiness, "_looked_at", float("-inf"))
    monkeypatch.setattr(readiness, "timeout", 60.0)


@pytest.fixture(autouse=True)
def own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is refused for what another test asked."""
    monkeypatch.setattr(rates, "_rates", [])
    shedding.forget()
    monkeypatch.setattr(callers, "known", callers.Known())
    monkeypatch.setattr(classify, "incidents", Incidents())


@pytest.fixture(autouse=True)
def own_breakers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes of a dependency holds for itself alone."""
    monkeypatch.setattr(shared, "PREFIX", f"test-{os.urandom(8).hex()}")
    monkeypatch.setattr(breaker, "_circuits", {})
    monkeypatch.setattr(bulkhead, "_bulkheads", {})
