"""How we are with one witness, and what its answers mean."""

import time
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from audit.proofs.encoding import decode_decimal
from audit.proofs.errors import ProofError
from audit.witness.config import Peer
from audit.witness.exchange import Exchange
from audit.witness.metrics import ANSWERS
from audit.witness.witness import SIZE_TYPE
from portal.lib.resilience.http import Reply

log = structlog.get_logger(__name__)

# The witness has seen another past of our log: either of us was rolled back, or it was forked.
ALARMS = {"ahead", "forked"}


class Refusal(Exception):
    """Why there is no cosignature; `outcome` is the metric's word for it."""

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(detail)
        self.outcome = outcome


@dataclass(slots=True)
class Standing:
    """How we are with one witness: the size it cosigned last, as far as we know, a request that
    may still be on its way, and since when it fails us."""

    peer: Peer
    size: int | None = None
    running: Exchange | None = None
    failed_at: float | None = None
    outcome: str = ""

    def conclude(self, outcome: str, detail: str = "") -> None:
        """Counts every outcome, and says it where it is another than before."""
        name = self.peer.verifier.name
        ANSWERS.labels(name, outcome).inc()
        self.failed_at = None if outcome == "cosigned" else time.monotonic()
        if outcome != self.outcome:
            say = log.critical if outcome in ALARMS else log.warning
            say = log.info if outcome == "cosigned" else say
            say("witness_answered", witness=name, outcome=outcome, detail=detail)
        self.outcome = outcome

    def settle(self) -> None:
        """Takes note of a request that nobody waited for: whether the witness is back."""
        exchange, self.running = self.running, None
        if exchange is None or exchange.is_abandoned:
            return
        reply = exchange.reply
        if reply is None:
            self.conclude("unreachable", exchange.error)
        elif reply.status == HTTPStatus.OK or size_of(reply) is not None:
            self.failed_at = self.size = None
        else:
            self.conclude("refused", said(reply))


def size_of(reply: Reply) -> int | None:
    """What the witness has cosigned, where it refused for that."""
    if reply.status != HTTPStatus.CONFLICT or reply.content_type != SIZE_TYPE:
        return None
    try:
        return decode_decimal(reply.body.decode().removesuffix("\n"))
    except (UnicodeDecodeError, ProofError):
        return None


def said(reply: Reply) -> str:
    return f"{reply.status} {reply.body[:200].decode(errors='replace').strip()}"
