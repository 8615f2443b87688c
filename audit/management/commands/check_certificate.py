import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.erasure.certificate import check
from audit.ledger import keys
from audit.proofs.errors import ProofError
from audit.proofs.keys import Verifier


class Command(BaseCommand):
    help = (
        "Checks an erasure certificate, offline. Exit code 0: it holds; 1: it does not; 2: usage."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--key", help="the log's public key, `name+id+base64`; this installation's without"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = Verifier.parse(options["key"] or keys.verifier_key())
            content = options["file"].read_bytes()
        except (OSError, ProofError) as error:
            raise CommandError(str(error), returncode=2) from error
        try:
            proven = check(content, [key], origin=key.name)
        except ProofError as error:
            msg = f"does not hold: {error}"
            raise CommandError(msg) from error
        self.stdout.write(f"It holds, under the key of {key.name}.")
        self.stdout.write(json.dumps(proven, indent=2))
