"""Holds the ledger against the journal of this machine, either way, and the journal against its seals."""

from audit import journal
from audit.journal.directory import verify_all
from audit.journal.events import committed_events
from audit.journal.findings import ALARMS
from audit.journal.reconcile import reconcile
from audit.ledger.kinds import Kind
from audit.ledger.report import Report
from audit.sealing import recorded_seals


def verify_journal(report: Report) -> None:
    """Adds what does not fit. Belongs on a machine whose journal holds all of the ledger's writers."""
    where = journal.directory()
    for file in verify_all(where, recorded_seals()):
        if file.damage is not None:
            report.add(Kind[f"JOURNAL_{file.damage.harm.name}"], str(file.damage))
    found = reconcile(where, committed_events)
    for finding in found.findings:
        if finding.kind in ALARMS:
            report.add(
                Kind[f"EVENT_{finding.kind.name}"], f"event {finding.event_id}: {finding.detail}"
            )
    report.journaled = found.events
