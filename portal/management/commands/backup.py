import getpass
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.principal import system
from portal.backup.make import backup_make
from portal.backup.tools import ToolFailed
from portal.lib.errors import VigilError


class Command(BaseCommand):
    help = (
        "Back up database and journal into a new directory; on record with its digest."
        " Exit code 0: made; 1: refused or not possible; 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="must not exist")

    def handle(self, *_args: Any, to: Path, **_options: Any) -> None:
        to = to.expanduser().resolve()
        if not to.parent.is_dir():
            msg = f"{to.parent} is no directory."
            raise CommandError(msg, returncode=2)
        try:
            # Who has a shell here is known to the machine alone.
            made = backup_make(to=to, by=system(f"backup/{getpass.getuser()}"))
        except FileExistsError as error:
            msg = f"{to} is there already."
            raise CommandError(msg, returncode=2) from error
        except VigilError as failure:
            self.stderr.write(failure.message)
            sys.exit(1)
        except (ToolFailed, OSError) as failure:
            msg = f"No backup was made: {failure}"
            raise CommandError(msg) from failure
        self.stdout.write(
            f"{made.path}: the log up to {made.size} entries under a checkpoint\n"
            f"SHA-256 {made.sha256}\n"
            "Keep that digest, the signing key and SECRET_KEY elsewhere: none of them is in it."
        )
