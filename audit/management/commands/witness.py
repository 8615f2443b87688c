import sys
from typing import Any

from django.core.management.base import BaseCommand

from audit.ledger.tree import latest_checkpoint
from audit.proofs.errors import ProofError
from audit.witness import config
from audit.witness.memory import MemoryUnavailable
from audit.witness.quorum import witnessed
from audit.witness.witness import Witness


class Command(BaseCommand):
    help = (
        "Shows whom we witness and who witnesses us. Exit code 0: the latest checkpoint has its"
        " quorum, or none is asked for; 1: it has not."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        ours = config.witness()
        if ours is None:
            self.stdout.write("We witness no log (VIGIL_WITNESS_LOGS).")
        else:
            self.stdout.write(f"We witness as {ours.cosigner.verifier.vkey}")
            for origin in sorted(ours.logs):
                self.stdout.write(f"  {origin}: {_seen(ours, origin)}")
        peers = config.peers()
        self.stdout.write(f"{len(peers)} witnesses are asked (VIGIL_WITNESSES):")
        for peer in peers:
            self.stdout.write(f"  {peer.verifier.name} at {peer.url}")
        is_met, said = _latest()
        self.stdout.write(said)
        if not is_met:
            sys.exit(1)


def _seen(witness: Witness, origin: str) -> str:
    try:
        with witness.memory.of(origin) as recollection:
            latest = recollection.latest()
    except MemoryUnavailable as error:
        return f"unknown, {error}"
    return f"{latest.size} entries cosigned" if latest else "nothing seen yet"


def _latest() -> tuple[bool, str]:
    needed = config.quorum()
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        return not needed, "No checkpoint has been signed yet."
    try:
        found = witnessed(checkpoint.note)
    except ProofError as error:
        return False, f"The checkpoint of {checkpoint.size} entries is malformed: {error}"
    by = ", ".join(found.by) or "nobody"
    return found.is_met, (
        f"The checkpoint of {checkpoint.size} entries is cosigned by {by}; {needed} are needed."
    )
