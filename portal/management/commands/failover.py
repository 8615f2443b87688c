import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from audit.gate.moment import at_console
from audit.gate.types import Decision
from audit.journal import JournalUnavailable
from audit.models import User
from audit.principal import Principal, person
from audit.proofs.errors import ProofError
from portal.database.replica import is_configured
from portal.failover import checklist, promote
from portal.failover.checklist import Check
from portal.failover.known import known
from portal.lib.errors import VigilError

FENCED = "fenced"
STEPS = """
What is left to do, in this order:
  1. Set DATABASE_URL (and VIGIL_LEDGER_DATABASE_URL, VIGIL_SIGNER_DATABASE_URL) of every process to the
     promoted server, and take DATABASE_REPLICA_URL out.
  2. Start sequencer and signer again first, then web, worker, beat and watchdog.
  3. See that /health/ready answers 200, and send a test alert.
  4. Run `manage.py verify_ledger --rows --journal` with the journals of all machines: what a journal calls
     committed and the ledger lacks was lost with the old primary.
  5. Never start the old primary as it was. Make it a replica with pg_rewind or pg_basebackup, and set
     DATABASE_REPLICA_URL to it."""


class Command(BaseCommand):
    help = (
        "Make the replica the database, after a checklist. Exit code 0: promoted, or with --check fit"
        " to be; 1: refused or failed; 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="user", required=True, help="who answers for it")
        parser.add_argument("--reason", required=True, help="why; goes on record")
        parser.add_argument("--check", action="store_true", help="the checklist alone")
        parser.add_argument(
            "--yes", action="store_true", help="the old primary is fenced, for sure"
        )
        parser.add_argument("--force", metavar="WHY", default="", help="promote in spite of a loss")
        parser.add_argument(
            "--checkpoint", type=Path, metavar="FILE", help="a signed checkpoint kept elsewhere"
        )
        parser.add_argument(
            "--url",
            default="",
            help="a login that may promote; default: VIGIL_FAILOVER_DATABASE_URL",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not is_configured():
            msg = "DATABASE_REPLICA_URL is not set: there is nothing to fail over to."
            raise CommandError(msg, returncode=2)
        try:
            with at_console():
                self._run(**options)
        except (ProofError, OSError, ValueError) as error:
            msg = f"A checkpoint that is known here cannot be read: {error}"
            raise CommandError(msg) from error
        except (VigilError, JournalUnavailable) as error:
            raise CommandError(f"Refused: {error}") from error
        except (DatabaseError, psycopg.Error, promote.NotPromoted) as error:
            msg = f"Failed: {' '.join(str(error).split())}"
            raise CommandError(msg) from error

    def _run(  # noqa: PLR0913 - the options
        self,
        *,
        user: str,
        reason: str,
        check: bool,
        yes: bool,
        force: str,
        checkpoint: Path | None,
        url: str,
        **_options: Any,
    ) -> None:
        checks = [self._tell(checklist.primary())]
        with promote.from_replica():
            by = _operator(user)
            checks += map(self._tell, checklist.replica())
            checks += map(self._tell, checklist.ledger(list(known(checkpoint))))
            _refuse(checks, force)
            decision = promote.decided(by)
        if check:
            return
        self._confirm(yes=yes)
        self._promote(by, decision, url, reason=reason, forced=force, checks=checks)

    def _promote(  # noqa: PLR0913 - what goes on record
        self,
        by: Principal,
        decision: Decision,
        url: str,
        *,
        reason: str,
        forced: str,
        checks: list[Check],
    ) -> None:
        promote.promote(url or settings.FAILOVER_DATABASE_URL, by, decision)
        self.stdout.write("Promoted. Verifying its ledger…")
        promote.point_at_promoted()
        found = promote.verified()
        self.stdout.write(f"The ledger: {found.status}, {found.size} entries.")
        promote.database_failed_over(
            database=promote.resource(),
            by=by,
            reason=reason,
            forced=forced,
            findings=promote.Findings(tuple(_line(each) for each in checks), found.status),
        )
        self.stdout.write(f"On record as database_failed_over.\n{STEPS}")
        if found.status in {"broken", "unverifiable"}:
            sys.exit(1)

    def _tell(self, each: Check) -> Check:
        self.stdout.write(_line(each))
        return each

    def _confirm(self, *, yes: bool) -> None:
        self.stdout.write(
            "\nAn old primary that comes back while this one takes writes splits the record in two."
            " See that it is stopped, or cut off for good."
        )
        if not yes and _typed(f"Type {FENCED} if it is: ") != FENCED:
            raise CommandError("Nothing was done.")


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _line(each: Check) -> str:
    return f"[{'ok' if each.is_met else '!!'}] {each.title}: {each.detail}"


def _refuse(checks: Iterable[Check], force: str) -> None:
    failed = [each for each in checks if not each.is_met]
    if any(not each.may_be_forced for each in failed):
        raise CommandError("Nothing was done: what is marked !! must be put right first.")
    if failed and not force.strip():
        msg = "Nothing was done: something would be lost. Give the reason with --force to accept that."
        raise CommandError(msg)


def _operator(name: str) -> Principal:
    found = User.objects.filter(username=name).first()
    if found is None:
        msg = f"There is nobody called {name}."
        raise CommandError(msg, returncode=2)
    return person(found)
