"""Interfaces of the worker to the services: no rule lives here."""

from celery import shared_task

from audit.approvals.services import approvals_expire
from audit.sealing import journal_seal_all
from portal.lib.trace import bound


@shared_task(name="audit.seal_journal")  # type: ignore[untyped-decorator] # no stubs
def seal_journal() -> int:
    """Idempotent: a file is sealed once."""
    with bound(None):
        return journal_seal_all()


@shared_task(name="audit.expire_approvals")  # type: ignore[untyped-decorator] # no stubs
def expire_approvals() -> int:
    """Marks requests that nobody decided in time. Idempotent."""
    with bound(None):
        return approvals_expire()
