"""The governance gate: independent voters, all of which must answer.

Any deny denies; else any escalate escalates; else unanimous allow allows. A voter that raises, or
whose answer is not a vote, is a failure: the gate denies and says so. Decisions are never cached.
"""

import hashlib
import json
from collections.abc import Sequence

import structlog
from django.db import InterfaceError, OperationalError, connection

from audit.gate.axioms import AxiomsVoter
from audit.gate.permissions import PermissionsVoter
from audit.gate.types import Action, Decision, Request, Resource, Verdict, Vote, Voter
from portal.lib.errors import DbUnavailable

__all__ = ["Action", "Decision", "Request", "Resource", "Verdict", "Vote", "decide", "voters"]

log = structlog.get_logger(__name__)

_VOTERS: tuple[Voter, ...] = (AxiomsVoter(), PermissionsVoter())


def voters() -> Sequence[Voter]:
    return _VOTERS


def decide(request: Request) -> Decision:
    """Whatever goes wrong in a voter is a `Verdict.FAILURE`, which blocks like a denial.

    Raises `DbUnavailable` where the database is gone, which blocks as well but blames the right part.
    """
    votes = tuple(_ask(voter, request) for voter in voters())
    verdict = _combine(votes)
    return Decision(verdict, _reason(verdict, votes), votes, _digest())


def _ask(voter: Voter, request: Request) -> Vote:
    try:
        vote = voter.vote(request)
        if vote.voter != voter.name or vote.verdict not in _ANSWERS:
            msg = f"the {voter.name} voter answered with something that is not a vote"
            raise TypeError(msg)  # noqa: TRY301 - handled as any other broken voter
    except (InterfaceError, OperationalError) as error:
        if connection.connection is None or connection.connection.closed:
            raise DbUnavailable from error
        log.critical(
            "governance_failure", voter=voter.name, action=request.action.name, exc_info=True
        )
        return Vote(voter.name, Verdict.FAILURE, f"the {voter.name} voter failed")
    except Exception:
        # Fails closed: a voter that breaks on a request blocks that request.
        log.critical(
            "governance_failure", voter=voter.name, action=request.action.name, exc_info=True
        )
        return Vote(voter.name, Verdict.FAILURE, f"the {voter.name} voter failed")
    return vote


_ANSWERS = {Verdict.ALLOW, Verdict.DENY, Verdict.ESCALATE}


def _combine(votes: Sequence[Vote]) -> Verdict:
    verdicts = {vote.verdict for vote in votes}
    for verdict in (Verdict.FAILURE, Verdict.DENY, Verdict.ESCALATE):
        if verdict in verdicts:
            return verdict
    return Verdict.ALLOW if verdicts == {Verdict.ALLOW} else Verdict.FAILURE


def _reason(verdict: Verdict, votes: Sequence[Vote]) -> str:
    return " ".join(vote.reason for vote in votes if vote.verdict is verdict) or "no voter answered"


def _digest() -> str:
    """One digest for the rules of all voters."""
    rules = {voter.name: voter.digest for voter in voters()}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()
