"""The third voter: the organisation's own rules, a versioned set of Cedar policies.

The active version is looked up for every decision; until there is one, the shipped default holds.
Fails closed: a text that is not the one that was activated, or that errs, is no vote.
"""

import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.db import connection

from audit.gate.cedar import Policies, evaluate, parse
from audit.gate.types import Request, RulesChanged, Verdict, Vote
from audit.models import PolicySet

DEFAULT = Path(__file__).with_name("default.cedar")
_ACTIVE = "SELECT id, xmin::text, digest FROM audit_policyset WHERE state = 'active'"
PINNED = "25e874783c3415f99a0eaa4e9e35619776038e56f2d7ece667a8b1f6b4dac55b"


@lru_cache(maxsize=8)
def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def default_text() -> str:
    return DEFAULT.read_text()


def active() -> tuple[str, str]:
    """The text that holds now, and its digest as it was activated. Which one that is, is asked each
    time; a text that was read before is read again where anything has touched its row since."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE)
        row = cursor.fetchone()
    if row is None:
        return default_text(), PINNED
    return _text(str(connection.settings_dict["NAME"]), *row)


@lru_cache(maxsize=8)
def _text(_database: str, number: int, _row_version: str, digest: str) -> tuple[str, str]:
    return PolicySet.objects.values_list("text", flat=True).get(pk=number), digest


class PolicyVoter:
    name = "policy"

    @property
    def digest(self) -> str:
        """Of the version that holds now."""
        return active()[1]

    def vote(self, _request: Request, asked: Mapping[str, Any]) -> Vote:
        text, digest = active()
        if digest_of(text) != digest:
            msg = "the active policy set is not the one that was activated"
            raise RulesChanged(msg)
        return judge(text, asked)


def judge(text: str, asked: Mapping[str, Any]) -> Vote:
    """What these policies say. A text that was never activated can be asked as well (shadow run)."""
    policies, digest = parse(text), digest_of(text)
    result = evaluate(policies, asked)
    rules = tuple(result.diagnostics.reasons)
    names = tuple(policies.name(rule) for rule in rules)
    if result.allowed:
        return Vote(PolicyVoter.name, Verdict.ALLOW, "no policy forbids it", digest, names)
    reason = " ".join(_says(policies, rule) for rule in rules) or "no policy permits it"
    if approvals := policies.approvals(rules):
        return Vote(PolicyVoter.name, Verdict.ESCALATE, reason, digest, names, approvals)
    needs = _needs(policies, rules)
    return Vote(PolicyVoter.name, Verdict.DENY, reason, digest, names, needs=needs)


def _says(policies: Policies, rule: str) -> str:
    return policies.annotations[rule].get("says") or f"The policy {policies.name(rule)} forbids it."


def _needs(policies: Policies, rules: tuple[str, ...]) -> str:
    """What all rules that deny ask for by `@needs`; empty where one of them asks for nothing."""
    denying = [rule for rule in rules if "escalate" not in policies.annotations[rule]]
    needs = {policies.annotations[rule].get("needs", "") for rule in denying}
    return needs.pop() if len(needs) == 1 else ""
