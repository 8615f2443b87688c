import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.gate import latch
from audit.gate.moment import at_console
from audit.latches import gate_release, open_latches, verification
from audit.models import User
from audit.principal import person
from audit.replay import replay
from portal.lib.errors import VigilError


class Command(BaseCommand):
    help = "status: is the gate open. release: open it after a failure. replay: judge again."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("status", help="exit 1 while the gate is latched or would fail")
        release = commands.add_parser("release", help="verify, and open the gate again")
        release.add_argument("--as", dest="user", required=True, help="who answers for it")
        release.add_argument("--reason", required=True, help="what was found and done")
        again = commands.add_parser("replay", help="exit 1 where a decision comes out otherwise")
        again.add_argument("--last", type=int, default=1000, help="how many (default 1000)")

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        getattr(self, f"_{command}")(**options)

    def _status(self, **_options: Any) -> None:
        rows, here, problems = open_latches(), latch.closed(), verification()
        for row in rows:
            self.stdout.write(f"latched since {row.closed_at:%Y-%m-%d %H:%M:%S} UTC: {row.reason}")
        if here is not None and not rows:
            self.stdout.write(f"latched on this machine since {here.at}: {here.reason}")
        for problem in problems:
            self.stdout.write(f"verification: {problem}")
        if rows or here or problems:
            sys.exit(1)
        self.stdout.write("open: every voter answers, every known vector is right")

    def _release(self, *, user: str, reason: str, **_options: Any) -> None:
        found = User.objects.filter(username=user).first()
        if found is None:
            msg = f"There is nobody called {user}."
            raise CommandError(msg, returncode=2)
        rows = open_latches()
        if not rows:
            msg = "The gate is open."
            raise CommandError(msg, returncode=1)
        for row in rows:
            try:
                with at_console():
                    gate_release(row=row, by=person(found), reason=reason)
            except VigilError as error:
                raise CommandError(error.message, returncode=1) from error
            self.stdout.write(f"released: {row.reason}")

    def _replay(self, *, last: int, **_options: Any) -> None:
        found = replay(last)
        for d in found.differences:
            self.stdout.write(f"event {d.event}: {d.voter} said {d.recorded}, now {d.replayed}")
        for why, count in sorted(found.cannot.items()):
            self.stdout.write(f"{count} votes not judged again, {why}")
        self.stdout.write(
            f"{found.seen} decisions among {found.looked_at} events judged again,"
            f" {len(found.differences)} votes differ"
        )
        if found.differences:
            sys.exit(1)
