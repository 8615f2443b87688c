"""Interfaces of the worker to the services: no rule lives here."""

from celery import shared_task

from audit.sealing import journal_seal_all
from portal.lib.trace import bound


@shared_task(name="audit.seal_journal")  # type: ignore[untyped-decorator] # no stubs
def seal_journal() -> int:
    """Idempotent: a file is sealed once."""
    with bound(None):
        return journal_seal_all()
