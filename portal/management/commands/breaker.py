from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.models import User
from audit.principal import person
from portal.lib.errors import NotFound, VigilError
from portal.lib.resilience.breaker import OPEN, circuit
from portal.lib.resilience.policies import POLICIES
from portal.system.breakers import breaker_close, resource


class Command(BaseCommand):
    help = (
        "list: each breaker as this process sees it; needs no database. close: close one by force."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("list", help="each dependency with the state of its breaker")
        close = commands.add_parser("close", help="exit 1 where it is refused")
        close.add_argument("name", help="as `list` shows it")
        close.add_argument("--as", dest="user", required=True, help="who answers for it")
        close.add_argument("--reason", required=True, help="why it should be tried again now")

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        getattr(self, f"_{command}")(**options)

    def _list(self, **_options: Any) -> None:
        for name, policy in POLICIES.items():
            breaker = circuit(name)
            if breaker is None:
                state = "no breaker"
            elif not breaker.breaker.is_shared:
                state = "in each process"
            elif breaker.state == OPEN:
                state = f"open, tried again in {max(0, round(breaker.retry_in()))} s"
            else:
                state = breaker.state
            self.stdout.write(f"{name:<20}  {state:<30}  {policy.title}")

    def _close(self, *, name: str, user: str, reason: str, **_options: Any) -> None:
        found = User.objects.filter(username=user).first()
        if found is None:
            msg = f"There is nobody called {user}."
            raise CommandError(msg, returncode=2)
        try:
            breaker_close(breaker=resource(name), by=person(found), reason=reason)
        except NotFound as error:
            msg = f"There is no dependency called {name}; see `breaker list`."
            raise CommandError(msg, returncode=2) from error
        except VigilError as error:
            raise CommandError(error.message, returncode=1) from error
        self.stdout.write(f"closed: {name}")
