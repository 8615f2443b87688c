import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.journal import process
from audit.journal.ship.destination import BadDestination, Destination
from audit.journal.ship.positions import Positions
from audit.journal.ship.shipper import Shipper


class Command(BaseCommand):
    help = (
        "Sends the journal to the receiver in VIGIL_JOURNAL_SHIP, from where it stopped last, and"
        " stays with it. One ships; others started beside it wait to take over."
        " Exit code 1: --once, and the receiver did not take it; 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is there, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        url = getattr(settings, "JOURNAL_SHIP", "")
        if not url:
            msg = "VIGIL_JOURNAL_SHIP is not set: there is nobody to send the journal to."
            raise CommandError(msg, returncode=2)
        try:
            headers = getattr(settings, "JOURNAL_SHIP_HEADERS", "")
            destination = Destination.parse(url, headers=headers)
        except BadDestination as error:
            msg = f"VIGIL_JOURNAL_SHIP cannot be used: {error}"
            raise CommandError(msg, returncode=2) from error
        directory = process.directory()
        positions = Positions.of(directory, destination.name)
        with positions.alone():
            shipper = Shipper(directory, destination.transport, positions)
            if options["once"] and not shipper.drain():
                sys.exit(1)
            if not options["once"]:
                # A stop at any point is safe: what was not acknowledged is sent again.
                shipper.run()
