import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.ledger import keys
from audit.ledger.progress import ProgressBar
from audit.ledger.report import Problem, Report
from audit.ledger.verify import verify
from audit.ledger.verify_journal import verify_journal
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError


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
            "--workers",
            type=int,
            metavar="N",
            help="processes; one for each processor if not given",
        )
        parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        known = self._known(options["from_checkpoint"])
        report = Report()
        verify(
            report,
            known=known,
            rows=options["rows"],
            workers=options["workers"],
            progress=ProgressBar(sys.stderr),
        )
        if options["journal"]:
            verify_journal(report)
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


def _in_words(report: Report) -> str:
    covered = f"{report.signed} of them under a signed checkpoint, {report.pending} pending"
    lines = [f"{report.status}: {report.size} entries, {covered}", f"root {report.root}"]
    if report.rows is not None:
        lines.append(f"{report.rows} governed rows held against the ledger")
    if report.journaled is not None:
        lines.append(f"{report.journaled} events held against the journal")
    if report.first_bad_index is not None:
        lines.append(f"first bad index {report.first_bad_index}")
    for kind, count in report.findings.counts.items():
        lines += ["", f"{kind}: {count}. {kind.meaning}"]
        lines += [_named(problem) for problem in report.problems if problem.kind is kind]
    return "\n".join(lines)


def _named(problem: Problem) -> str:
    where = "" if problem.index is None else f"index {problem.index}: "
    return f"  {where}{problem.detail}"
