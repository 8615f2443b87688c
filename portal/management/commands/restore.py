import sys
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.backup.manifest import BadBackup
from portal.backup.restore import NotEmpty, check, restore, verify
from portal.backup.tools import ToolFailed

NEXT = """
The signer remembers the largest log that it signed, beside its key (.state). If that is larger than
what was restored ({size} entries or more), it signs nothing and says `ledger_broken`: what came after
the backup is gone, and nobody may pretend otherwise. Then, and only then, this log goes on under a
new name:
  1. Keep the old key, its .pub and .state, and the newest checkpoint that anybody holds.
  2. Set VIGIL_LEDGER_ORIGIN to a new name and VIGIL_SIGNER_KEY to a new file; start the signer.
  3. Tell whoever keeps checkpoints or witnesses the log its new verifier key, and why.
Entries and old checkpoints stay verifiable with the old .pub, which is in the backup."""


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database and verify it."
        " Exit code 0: restored and verified; 1: refused, or not verified; 2: usage."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR")
        parser.add_argument(
            "--database",
            required=True,
            metavar="URL",
            help="made by `manage.py prepare_database`; a login that may become vigil_owner",
        )
        parser.add_argument(
            "--sha256", default="", help="what `backup` printed, to be sure that it is that backup"
        )

    def handle(
        self, *_args: Any, source: Path, database: str, sha256: str, **_options: Any
    ) -> None:
        source = source.expanduser().resolve()
        try:
            found = check(source, sha256=sha256)
            restore(source, database)
        except BadBackup as failure:
            msg = f"Nothing was restored. {source} is refused: {failure}"
            raise CommandError(msg) from failure
        except (NotEmpty, ToolFailed, psycopg.Error) as failure:
            msg = f"Nothing was restored. {str(failure).strip()}"
            raise CommandError(msg) from failure
        is_good, said = verify(source, database)
        self.stdout.write(said)
        if not is_good:
            self.stderr.write("Restored, but the record does not verify. Do not use this database.")
            sys.exit(1)
        self.stdout.write(f"Restored from {found.made_at}.\n{NEXT.format(size=found.size)}")
