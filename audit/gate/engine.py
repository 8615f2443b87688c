"""The governance gate: independent voters, all of which must answer.

Any deny denies; else any escalate escalates; else unanimous allow allows. A voter that raises, is
late, or whose answer is not a vote, is a failure: the gate denies, tests itself on its known
vectors, and closes itself where one is wrong. Decisions are never cached.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from audit.attempts import is_database_gone
from audit.gate import latch, moment, vectors
from audit.gate.axioms import AxiomsVoter
from audit.gate.cedar import inputs
from audit.gate.permissions import PermissionsVoter
from audit.gate.policy import PolicyVoter
from audit.gate.types import Decision, Request, RulesChanged, Verdict, Vote, Voter
from portal.lib.errors import DbUnavailable

log = structlog.get_logger(__name__)

LATCHED = "The gate is closed until its failure has been looked into."

_VOTERS: tuple[Voter, ...] = (AxiomsVoter(), PermissionsVoter(), PolicyVoter())
_ANSWERS = {Verdict.ALLOW, Verdict.DENY, Verdict.ESCALATE}


def voters() -> Sequence[Voter]:
    return _VOTERS


def decide(request: Request, *, approvals: int = 0) -> Decision:
    """Whatever goes wrong in a voter is a `Verdict.FAILURE`, which blocks like a denial.

    Raises `DbUnavailable` where the database is gone, which blocks as well but blames the right part.
    """
    asked = asked_of(request, approvals)
    if not request.action.works_while_latched and latch.closed():
        return _decision(Verdict.FAILURE, LATCHED, (), asked)
    votes = tuple(_ask(voter, request, asked) for voter in voters())
    verdict = _combine(votes)
    if verdict is Verdict.FAILURE:
        self_test(votes)
    return _decision(verdict, _reason(verdict, votes), votes, asked)


def asked_of(request: Request, approvals: int = 0) -> dict[str, Any]:
    """The request and the moment, as the rules see them."""
    asked = inputs(request)
    asked["context"] |= moment.facts(request.principal, approvals)
    return asked


def latched(decision: Decision) -> Decision:
    """The same request, blocked by a latch that closed after it was decided."""
    return _decision(Verdict.FAILURE, LATCHED, (), decision.asked)


def self_test(votes: Sequence[Vote] = ()) -> None:
    """Closes the gate where a known vector is answered wrongly. One request that a voter breaks on
    blocks itself alone: whoever crafts one cannot shut the house."""
    if wrong := vectors.failures():
        latch.close(
            "; ".join(wrong), {"vectors": wrong, "votes": [vote.to_json() for vote in votes]}
        )


def _ask(voter: Voter, request: Request, asked: Mapping[str, Any]) -> Vote:
    began = time.monotonic()
    try:
        vote = voter.vote(request, asked)
        if vote.voter != voter.name or vote.verdict not in _ANSWERS:
            msg = f"the {voter.name} voter answered with something that is not a vote"
            raise TypeError(msg)  # noqa: TRY301 - handled as any other broken voter
        if time.monotonic() - began > settings.VOTE_TIMEOUT:
            msg = f"the {voter.name} voter took longer than {settings.VOTE_TIMEOUT:g} s"
            raise TimeoutError(msg)  # noqa: TRY301 - likewise
    except RulesChanged as error:
        latch.close(str(error), {"voter": voter.name})
        return _failed(voter, request, error)
    except (InterfaceError, OperationalError) as error:
        if is_database_gone():
            raise DbUnavailable from error
        return _failed(voter, request, error)
    except Exception as error:  # noqa: BLE001 - fails closed, whatever broke
        return _failed(voter, request, error)
    return vote


def _failed(voter: Voter, request: Request, error: Exception) -> Vote:
    log.critical("governance_failure", voter=voter.name, action=request.action.name, exc_info=error)
    return Vote(voter.name, Verdict.FAILURE, f"the {voter.name} voter failed", "")


def _combine(votes: Sequence[Vote]) -> Verdict:
    verdicts = {vote.verdict for vote in votes}
    for verdict in (Verdict.FAILURE, Verdict.DENY, Verdict.ESCALATE):
        if verdict in verdicts:
            return verdict
    return Verdict.ALLOW if verdicts == {Verdict.ALLOW} else Verdict.FAILURE


def _reason(verdict: Verdict, votes: Sequence[Vote]) -> str:
    between = "; " if verdict is Verdict.ALLOW else " "
    reasons = [vote.reason for vote in votes if vote.verdict is verdict]
    return between.join(reasons) or "no voter answered"


def _decision(
    verdict: Verdict, reason: str, votes: tuple[Vote, ...], asked: Mapping[str, Any]
) -> Decision:
    """With one digest for the rules of all voters."""
    rules = json.dumps({vote.voter: vote.digest for vote in votes}, sort_keys=True)
    return Decision(verdict, reason, votes, asked, hashlib.sha256(rules.encode()).hexdigest())
