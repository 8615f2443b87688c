import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from audit.ledger import keys
from audit.ledger.report import Report
from audit.ledger.verify import latest_digests, verify
from audit.models import Archive
from audit.principal import system
from audit.proofs.errors import ProofError
from audit.proofs.keys import Verifier
from audit.retention.archive import ArchiveFile
from audit.retention.dropped import dropped
from audit.retention.partitions import Partition, not_due, partitions
from audit.retention.services import partition_archive, partition_drop
from portal.lib.errors import VigilError

BY = system("retention")


class Command(BaseCommand):
    help = (
        "Seals the partitions of the record that have had their time into archives; --drop removes"
        " from the database what is sealed. Exit code 0: done, or nothing to do; 1: refused or broken;"
        " 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", metavar="7y|DATE", help="by default, the retention period"
        )
        parser.add_argument("--dir", type=Path, default=settings.ARCHIVE_DIR)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument(
            "--drop",
            action="store_true",
            help="drop what is sealed; needs VIGIL_DATABASE_ROLE=vigil_owner",
        )
        parser.add_argument(
            "--below-retention",
            metavar="REASON",
            default="",
            help="take a time shorter than the retention period all the same; goes on record",
        )
        parser.add_argument("--check", type=Path, metavar="FILE", help="only check an archive")
        parser.add_argument("--key", help="with --check: the log's public key; ours without")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check(options["check"], options["key"])
            return
        with connection.cursor() as cursor:
            # It reads for long, and never makes writers wait for long.
            cursor.execute("SET statement_timeout = 0; SET lock_timeout = '5s'")
        limit = _limit(options["older_than"], options["below_retention"])
        due = self._due(limit)
        if options["dry_run"]:
            return
        try:
            for partition in due:
                self._archive(partition, options["dir"], options["below_retention"])
            if options["drop"] and due:
                self._drop(due, options["dir"], options["below_retention"])
        except VigilError as error:
            raise CommandError(error.message) from error

    def _due(self, limit: datetime) -> list[Partition]:
        """Oldest first, up to the first that is not due: what is dropped has no gaps."""
        due: list[Partition] = []
        for partition in partitions():
            if reason := not_due(partition, limit):
                self.stdout.write(f"{partition.name} stays: {reason}")
                break
            self.stdout.write(f"{partition.name} is due: events {partition.first}–{partition.end}")
            due.append(partition)
        return due

    def _archive(self, partition: Partition, directory: Path, reason: str) -> None:
        if Archive.objects.filter(partition=partition.name).exists():
            self.stdout.write(f"{partition.name} is sealed already")
            return
        made = partition_archive(partition=partition, directory=directory, by=BY, reason=reason)
        self.stdout.write(f"sealed {made.events} events in {made.filename}, SHA-256 {made.sha256}")

    def _drop(self, due: list[Partition], directory: Path, reason: str) -> None:
        """Nothing is taken out of a record that does not verify."""
        report = Report()
        verify(report, rows=True, archived=dropped().spans)
        if report.status in {"broken", "unverifiable"}:
            msg = f"The record is {report.status}; run `manage.py verify_ledger --rows`."
            raise CommandError(msg)
        for partition in due:
            archive = Archive.objects.get(partition=partition.name)
            partition_drop(
                archive=archive,
                directory=directory,
                latest=latest_digests(),
                by=BY,
                reason=reason,
            )
            self.stdout.write(f"dropped {partition.name}; {archive.filename} is all there is of it")

    def _check(self, path: Path, key: str | None) -> None:
        try:
            verifiers = [Verifier.parse(key)] if key else keys.trusted()
        except ProofError as error:
            msg = f"No key to check with: {error}"
            raise CommandError(msg, returncode=2) from error
        try:
            with ArchiveFile(path) as archive:
                checkpoint = archive.check(verifiers)
                events = archive.manifest["events"]
        except ProofError as error:
            msg = f"does not hold: {error}"
            raise CommandError(msg) from error
        self.stdout.write(
            f"{path.name} holds: {events} entries of {checkpoint.origin}, under its checkpoint of"
            f" {checkpoint.size}"
        )


def _limit(text: str | None, override: str) -> datetime:
    now = timezone.now()
    kept = _years_ago(now, settings.RETENTION_YEARS)
    if text is None:
        return kept
    if years := re.fullmatch(r"(\d{1,3})y", text):
        limit = _years_ago(now, int(years[1]))
    else:
        try:
            limit = datetime.fromisoformat(text)
        except ValueError as error:
            msg = f"--older-than {text} is neither like 7y nor a date like 2020-01-31"
            raise CommandError(msg, returncode=2) from error
        limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
    if limit > kept and not override.strip():
        msg = (
            f"The record is kept for {settings.RETENTION_YEARS} years. To take a shorter time all the"
            " same, give the reason with --below-retention; it goes on record."
        )
        raise CommandError(msg, returncode=2)
    return limit


def _years_ago(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # The 29th of February.
        return now.replace(year=now.year - years, day=28)
