import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.ledger import keys
from audit.ledger.progress import ProgressBar
from audit.ledger.report import Origin, Problem, Report
from audit.ledger.verify import verify
from audit.ledger.verify_journal import verify_journal
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.retention.dropped import dropped
from audit.retention.verify import read_archives, verify_archives


class Command(BaseCommand):
    help = (
        "Checks the ledger from its bytes. Exit code 0: verified, or pending events only;"
        " 1: broken or unverifiable; 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rows", action="store_true", help="also check every governed row")
        parser.add_argument(
            "--journal", action="store_true", help="also check this machine's journal, either way"
        )
        parser.add_argument(
            "--from-checkpoint", type=Path, metavar="FILE", help="a signed checkpoint that you kept"
        )
        parser.add_argument(
            "--archive", type=Path, metavar="DIR", help="also read the archives of what was dropped"
        )
        parser.add_argument(
            "--workers",
            type=int,
            metavar="N",
            help="processes; one for each processor if not given",
        )
        parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        known = self._known(options["from_checkpoint"])
        report = Report()
        archived, progress = dropped(), ProgressBar(sys.stderr)
        directory: Path | None = options["archive"]
        verify(
            report,
            known=known,
            rows=options["rows"],
            archived=archived.spans,
            archives=partial(read_archives, archived, directory) if directory else None,
            workers=options["workers"],
            progress=progress,
        )
        if directory:
            verify_archives(report, archived, directory, progress=progress)
        if options["journal"]:
            verify_journal(report, first_event=archived.end)
        self.stdout.write(
            json.dumps(report.to_json(), indent=2) if options["json"] else _in_words(report)
        )
        if report.status in {"broken", "unverifiable"}:
            sys.exit(1)

    def _known(self, path: Path | None) -> Checkpoint | None:
        if path is None:
            return None
        verifiers = keys.trusted()
        if not verifiers:
            msg = "There is no verifier key to check that checkpoint with."
            raise CommandError(msg, returncode=2)
        try:
            return Checkpoint.open_by(path.read_bytes(), verifiers)[0]
        except (OSError, ProofError) as error:
            msg = f"{path} is no checkpoint of this log: {error}"
            raise CommandError(msg, returncode=2) from error


def _in_words(report: Report) -> str:
    covered = f"{report.signed} of them under a signed checkpoint, {report.pending} pending"
    lines = [f"{report.status}: {report.size} entries, {covered}", f"root {report.root}"]
    lines += [_signed_by(report, each) for each in report.origins if each.checkpoints]
    if report.archived:
        lines.append(_archived(report))
    if report.rows is not None:
        lines.append(f"{report.rows} governed rows held against the ledger")
        lines.append(f"{report.histories} history rows held against their events")
    if report.histories_archived:
        lines.append(
            f"{report.histories_archived} of them are of events in archives that were not read"
        )
    if report.journaled is not None:
        lines.append(f"{report.journaled} events held against the journal")
    if report.first_bad_index is not None:
        lines.append(f"first bad index {report.first_bad_index}")
    for kind, count in report.findings.counts.items():
        lines += ["", f"{kind}: {count}. {kind.meaning}"]
        lines += [_named(problem) for problem in report.problems if problem.kind is kind]
    return "\n".join(lines)


def _signed_by(report: Report, origin: Origin) -> str:
    sizes = f"of sizes {origin.first} to {origin.last}, signed by {origin.name}"
    said = f"{origin.checkpoints} checkpoints {sizes}"
    if origin is report.origins[-1]:
        return said
    return f"{said}, an earlier origin that VIGIL_LEDGER_EARLIER_KEYS says to trust ({origin.vkey})"


def _archived(report: Report) -> str:
    """The log has their hashes; what they say is in files, by the digests on record."""
    if report.archived_read is None:
        return f"{report.archived} of the entries are in archives, and were not read: see --archive"
    return (
        f"{report.archived} of the entries are in archives; {report.archived_read} were read there"
    )


def _named(problem: Problem) -> str:
    where = "" if problem.index is None else f"index {problem.index}: "
    return f"  {where}{problem.detail}"
