"""Collects the cosignatures of other witnesses for our checkpoints (C2SP tlog-witness).

Fails open: signing never depends on a witness. All are asked at once and waited for `timeout`
seconds at most. One that failed is from then on asked in the background, until it answers again, so
that a dead witness costs one wait and not one a checkpoint. Nothing is appended unverified.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias

import structlog
from django.core.exceptions import ImproperlyConfigured

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import cosignatures
from audit.proofs.note import Signature
from audit.witness import config
from audit.witness.config import Peer
from audit.witness.exchange import Exchange
from audit.witness.message import add_checkpoint, text_of
from audit.witness.metrics import ANSWERS
from audit.witness.standing import Refusal, Standing, said, size_of
from portal.lib.resilience.http import Reply
from portal.lib.resilience.policies import policy_of

log = structlog.get_logger(__name__)

TIMEOUT = policy_of("witnesses").timeouts[0]
RETRY_AFTER = 30.0
CLOCK_SKEW = 300
# Refused though it has the size that the proof starts from: what it has is not our past.
FORKED = {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}

Proof: TypeAlias = Callable[[int], Sequence[bytes]]
"""The consistency proof from a tree of that size to the checkpoint; called in the caller's thread."""


@dataclass(slots=True)
class Witnesses:
    """Keeps, from checkpoint to checkpoint, how each witness stands. For one thread."""

    peers: Sequence[Peer]
    timeout: float = TIMEOUT
    retry_after: float = RETRY_AFTER
    standings: list[Standing] = field(init=False)

    def __post_init__(self) -> None:
        self.standings = [Standing(peer) for peer in self.peers]

    def cosign(self, note: str, *, old_size: int, proof: Proof) -> str:
        """The note with the cosignatures that came in time, each verified, in the order of the
        witnesses. One of which nothing is known is taken to have `old_size`."""
        if not self.standings:
            return note
        try:
            lines = _Round(self, note, old_size, proof).lines()
        except Exception:
            # Fails open: whatever went wrong here, the log's own signature stands.
            log.exception("witnesses_failed")
            return note
        return note + "".join(f"{line}\n" for line in lines)


def cosign(note: str, *, old_size: int, proof: Proof) -> str:
    """As `Witnesses.cosign`, by those of the settings. For the one thread that signs."""
    try:
        witnesses = _configured(config.peers())
    except ImproperlyConfigured as error:
        # Fails open here as well; at the start of a process it is for a system check to object.
        log.critical("witnesses_misconfigured", reason=str(error))
        return note
    return witnesses.cosign(note, old_size=old_size, proof=proof)


@lru_cache(maxsize=1)
def _configured(peers: tuple[Peer, ...]) -> Witnesses:
    return Witnesses(peers)


class _Round:
    """One checkpoint, shown to all witnesses."""

    def __init__(self, witnesses: Witnesses, note: str, old_size: int, proof: Proof) -> None:
        self.witnesses = witnesses
        self.note = note
        self.size = Checkpoint.parse(text_of(note)).size
        self.old_size = min(old_size, self.size)
        self.proof = proof
        self.deadline = time.monotonic() + witnesses.timeout

    def lines(self) -> list[str]:
        awaited = [standing for standing in self.witnesses.standings if self._ask(standing)]
        lines = []
        for standing in awaited:
            try:
                lines.append(self._await(standing))
            except Refusal as refusal:
                standing.conclude(refusal.outcome, str(refusal))
            else:
                standing.size = self.size
                standing.conclude("cosigned")
        return lines

    def _ask(self, standing: Standing) -> bool:
        """Whether to wait for the answer."""
        if standing.running is not None:
            if standing.running.is_alive():
                ANSWERS.labels(standing.peer.verifier.name, "busy").inc()
                return False
            standing.settle()
        if standing.failed_at is None:
            self._send(standing)
            return True
        if time.monotonic() - standing.failed_at >= self.witnesses.retry_after:
            self._send(standing)
        return False

    def _send(self, standing: Standing) -> None:
        old_size = self.old_size if standing.size is None else min(standing.size, self.size)
        body = add_checkpoint(old_size, self.proof(old_size), self.note)
        standing.running = Exchange(standing.peer.url, body, timeout=self.witnesses.timeout)
        standing.running.start()

    def _await(self, standing: Standing) -> str:
        reply = self._reply(standing)
        size = size_of(reply)
        if size is not None and size <= self.size:
            # It has another size than we thought, and said which: asked once more, from there.
            standing.size = size
            self._send(standing)
            reply = self._reply(standing)
            size = size_of(reply)
        standing.size = None
        if size is not None:
            outcome = "ahead" if size > self.size else "refused"
            raise Refusal(
                outcome, f"it has cosigned {size} entries; the checkpoint has {self.size}"
            )
        if reply.status in FORKED:
            raise Refusal("forked", said(reply))
        if reply.status != HTTPStatus.OK:
            raise Refusal("refused", said(reply))
        return self._line(standing.peer, reply)

    def _reply(self, standing: Standing) -> Reply:
        exchange = standing.running
        if exchange is None or not exchange.wait(self.deadline - time.monotonic()):
            if exchange is not None:
                exchange.abandon()
            raise Refusal("timeout", f"no answer within {self.witnesses.timeout} s")
        standing.running = None
        if exchange.reply is None:
            raise Refusal("unreachable", exchange.error)
        return exchange.reply

    def _line(self, peer: Peer, reply: Reply) -> str:
        """The witness's own line; lines by keys that we do not know are left out."""
        try:
            lines = reply.body.decode().removesuffix("\n").split("\n")
            signatures = "".join(f"{Signature.parse(line).line}\n" for line in lines)
            found = cosignatures(self.note + signatures, [peer.verifier])
        except ValueError as error:
            raise Refusal("invalid", str(error)) from error
        if not found or not 0 < found[0].at <= time.time() + CLOCK_SKEW:
            raise Refusal("invalid", "no cosignature by its key, or one from the future")
        return found[0].line
