import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from audit.sealing import journal_seal_all
from portal.lib.errors import VigilError

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Puts the seals of finished journal files of this machine on record. The worker does so by"
        " itself; this is for a journal on a disk that no worker shares."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="stay, and do it again")

    def handle(self, *args: Any, every: float | None = None, **options: Any) -> None:
        if every is None:
            self.stdout.write(f"{journal_seal_all()} files sealed")
            return
        while True:
            try:
                journal_seal_all()
            except (VigilError, DatabaseError) as error:
                # Nothing is lost: what waits is sealed the next time.
                log.warning("sealing_waits", error=str(error).strip())
            connection.close()
            time.sleep(every)
