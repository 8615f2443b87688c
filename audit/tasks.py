"""Interfaces of the worker to the services: no rule lives here."""

from celery import shared_task

from audit.approvals.services import approvals_expire
from audit.journal_retention import journal_remove_old
from audit.outages import outages_find
from audit.sealing import journal_seal_all


@shared_task(name="audit.seal_journal")  # type: ignore[untyped-decorator] # no stubs
def seal_journal() -> int:
    """Seals what is finished, and removes what was kept long enough. Idempotent."""
    sealed = journal_seal_all()
    journal_remove_old()
    return sealed


@shared_task(name="audit.find_outages")  # type: ignore[untyped-decorator] # no stubs
def find_outages() -> int:
    """Puts times in which nothing could be recorded up for review, once they are over. Idempotent."""
    return outages_find()


@shared_task(name="audit.expire_approvals")  # type: ignore[untyped-decorator] # no stubs
def expire_approvals() -> int:
    """Marks requests that nobody decided in time. Idempotent."""
    return approvals_expire()
