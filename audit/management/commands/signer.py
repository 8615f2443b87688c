from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from audit.ledger.keys import ensure_signer_key
from audit.ledger.leading import lead
from audit.ledger.signer import LedgerBroken, LedgerSigner

log = structlog.get_logger(__name__)

LOCK = 0x0051_64E4


class Command(BaseCommand):
    help = "Signs checkpoints of the log. Logs in as vigil_signer, and alone holds the log's key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--make-key",
            action="store_true",
            help="make the key where there is none, print its public half, and end",
        )

    def handle(self, *args: Any, make_key: bool = False, **options: Any) -> None:
        key = ensure_signer_key(settings.SIGNER_KEY)
        if make_key:
            self.stdout.write(key.verifier.vkey)
            return
        lead("signer", LOCK, _turns(LedgerSigner(key, settings.SIGNER_KEY.with_suffix(".state"))))


def _turns(signer: LedgerSigner) -> Callable[[], Callable[[], bool]]:
    said = ""

    def turn() -> bool:
        """What keeps it from signing is said once, not twenty times a second."""
        nonlocal said
        try:
            signer.sign()
        except LedgerBroken as error:
            if str(error) != said:
                log.critical("ledger_broken", reason=str(error))
            said = str(error)
        else:
            said = ""
        return False

    return lambda: turn
