"""Holds the ledger against the journal of this machine, either way, and the journal against its seals. Files that were removed for their age, on record, are not missed."""

from audit import journal
from audit.journal.directory import verify_all
from audit.journal.events import committed_events
from audit.journal.findings import ALARMS
from audit.journal.reconcile import reconcile
from audit.journal_retention import removed_files
from audit.ledger.kinds import Kind
from audit.ledger.report import Report
from audit.sealing import recorded_seals


def verify_journal(report: Report, *, first_event: int = 0) -> None:
    """Adds what does not fit, from an event on: older ones are in archives. Belongs on a machine whose journal holds all of the ledger's writers."""
    where = journal.directory()
    removed = removed_files()
    for file in verify_all(where, recorded_seals(), removed=removed.files):
        if file.damage is not None:
            report.add(Kind[f"JOURNAL_{file.damage.harm.name}"], str(file.damage))
    found = reconcile(
        where,
        lambda: (event for event in committed_events() if not removed.held(event)),
        first_event=first_event,
    )
    for finding in found.findings:
        if finding.kind in ALARMS:
            report.add(
                Kind[f"EVENT_{finding.kind.name}"], f"event {finding.event_id}: {finding.detail}"
            )
    report.journaled = found.events
