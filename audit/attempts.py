"""Who tried what, and was refused because nothing could be decided or recorded: written down in the
journal for the review afterwards, see `audit.outages`. It changes nothing of the refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import InterfaceError, OperationalError, connection

from audit import journal
from audit.journal.outage import DATABASE, LEDGER
from portal.lib.errors import AuditUnavailable, DbUnavailable

# How many were noted in the running request, so that what refuses all of it need not note it again.
_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noting(*, actor: str, action: str, target: str) -> Iterator[None]:
    """Notes what the body refuses for want of the ledger or the database. What it refuses for want of
    the journal, the journal keeps itself."""
    try:
        yield
    except journal.JournalUnavailable:
        raise
    except DbUnavailable as error:
        note(DATABASE, error, actor=actor, action=action, target=target)
        raise
    except (AuditUnavailable, OperationalError, InterfaceError) as error:
        of = DATABASE if is_database_gone() else LEDGER
        if of == DATABASE or isinstance(error, AuditUnavailable):
            note(of, error, actor=actor, action=action, target=target)
        raise


def note(of: str, error: BaseException, *, actor: str, action: str, target: str) -> None:
    journal.refused(
        of=of, why=getattr(error, "reason", ""), actor=actor, action=action, target=target
    )
    if (noted := _noted.get()) is not None:
        noted.append(action)


@contextmanager
def noted_within() -> Iterator[list[str]]:
    """Collects the actions of those that are noted in the body."""
    noted: list[str] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def is_database_gone() -> bool:
    """After an error: whether it was the connection, and not one statement on it."""
    return connection.connection is None or connection.connection.closed
