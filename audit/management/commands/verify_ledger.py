import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.ledger import keys
from audit.ledger.verify import Report, verify_log
from audit.ledger.verify_journal import verify_journal
from audit.ledger.verify_rows import verify_rows
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.retention.dropped import dropped
from audit.retention.verify import verify_archives


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
        parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        known = self._known(options["from_checkpoint"])
        report = Report()
        archived = dropped()
        verify_log(
            report,
            known=known,
            is_archived=archived.covers,
            progress=self._progress("entries"),
        )
        if options["archive"]:
            verify_archives(
                report, archived, options["archive"], progress=self._progress("archives")
            )
        if options["rows"]:
            verify_rows(report, progress=self._progress("changes"))
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
        verifiers = keys.verifiers()
        if not verifiers:
            msg = "There is no verifier key to check that checkpoint with."
            raise CommandError(msg, returncode=2)
        try:
            return Checkpoint.open(path.read_bytes(), verifiers, origin=verifiers[0].name)
        except (OSError, ProofError) as error:
            msg = f"{path} is no checkpoint of this log: {error}"
            raise CommandError(msg, returncode=2) from error

    def _progress(self, what: str) -> Any:
        def show(done: int, total: int) -> None:
            if self.stderr.isatty():
                share = done / total if total else 1
                bar = "█" * int(share * 30)
                self.stderr.write(
                    f"\r{what:8} {bar:<30} {done}/{total}", ending="\n" if done >= total else ""
                )

        return show


def _in_words(report: Report) -> str:
    covered = f"{report.signed} of them under a signed checkpoint, {report.pending} pending"
    lines = [f"{report.status}: {report.size} entries, {covered}", f"root {report.root}"]
    if report.archived:
        lines.append(_archived(report))
    if report.rows is not None:
        lines.append(f"{report.rows} governed rows held against the ledger")
    if report.journaled is not None:
        lines.append(f"{report.journaled} events held against the journal")
    if report.first_bad_index is not None:
        lines.append(f"first bad index {report.first_bad_index}")
    lines += [f"  {problem.kind}: {problem.detail}" for problem in report.problems]
    return "\n".join(lines)


def _archived(report: Report) -> str:
    """The log has their hashes; what they say is in files, by the digests on record."""
    if report.archived_read is None:
        return f"{report.archived} of the entries are in archives, and were not read: see --archive"
    return (
        f"{report.archived} of the entries are in archives; {report.archived_read} were read there"
    )
