from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from audit.accounts import token_issue
from audit.models import ApiToken, User
from audit.models.token import SCOPES
from audit.principal import system
from portal.lib.errors import ValidationFailed, VigilError

USAGE = 2
MAX_DAYS = 3_650


class Command(BaseCommand):
    help = "Make an API token. Its secret is printed this once, alone on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="a name of its own, shown in the record")
        parser.add_argument(
            "--scope",
            required=True,
            nargs="+",
            action="extend",
            choices=SCOPES,
            metavar="SCOPE",
            help=f"what it may be used for: {', '.join(SCOPES)}",
        )
        parser.add_argument(
            "--source", default="", help="the detector whose alerts it sends (a slug)"
        )
        parser.add_argument("--user", help="the username of the person that it acts for")
        parser.add_argument("--expires-days", type=int, metavar="D", help="how long it is good for")

    def handle(self, *_args: Any, **options: Any) -> str:
        try:
            token = ApiToken(
                name=options["name"].strip(),
                scopes=sorted(set(options["scope"])),
                source=options["source"],
                user=_user(options["user"]),
                expires_at=_expiry(options["expires_days"]),
            )
            token.clean_fields(exclude={"digest"})
            return token_issue(token=token, by=system("create-token"))
        except ValidationError as error:
            said = "; ".join(f"{name}: {' '.join(m)}" for name, m in error.message_dict.items())
            raise CommandError(said, returncode=USAGE) from error
        except ValidationFailed as error:
            raise CommandError(error.message, returncode=USAGE) from error
        except (VigilError, DatabaseError) as error:
            raise CommandError(str(error).strip()) from error


def _user(username: str | None) -> User | None:
    if username is None:
        return None
    found = User.objects.filter(username=username).first()
    if found is None:
        msg = f"there is nobody with the username {username}"
        raise CommandError(msg, returncode=USAGE)
    return found


def _expiry(days: int | None) -> Any:
    if days is None:
        return None
    if not 1 <= days <= MAX_DAYS:
        msg = f"--expires-days must be from 1 to {MAX_DAYS}"
        raise CommandError(msg, returncode=USAGE)
    return timezone.now() + timedelta(days=days)
