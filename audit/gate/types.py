"""The words of the gate: what is asked, what a voter answers, what is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from audit.principal import Principal

Fact = str | int | bool | None


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    ESCALATE = "escalate"
    # Not a vote: the gate denies, and says that it could not decide.
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Action:
    """One governed kind of change: `name` is `app:object:verb`, `event` its name in the ledger.

    `permission` is what a person needs; `scope` what a token needs on top; `is_for_system` lets the
    product's own processes do it. A token that acts for nobody passes by its scope alone, and only
    where `is_for_clients`. What every active account may do is `is_for_everyone`. What it takes to
    open a latched gate `works_while_latched`. What changes the rules themselves `awaits_checkpoint`:
    the call returns once a signed checkpoint covers its event. What lets the signer go on at all
    `works_while_unsigned`, however long events have waited for it.
    """

    name: str
    event: str
    permission: str | None = None
    scope: str = "admin"
    is_for_system: bool = False
    is_for_clients: bool = False
    is_for_everyone: bool = False
    works_while_latched: bool = False
    awaits_checkpoint: bool = False
    works_while_unsigned: bool = False

    @property
    def verb(self) -> str:
        return self.name.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Resource:
    """What it is done to. `facts` are what axioms and policies may ask about."""

    kind: str
    id: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    instance: object = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Request:
    principal: Principal
    action: Action
    resource: Resource
    context: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vote:
    """One voter's answer. `digest` is the SHA-256, in hex, of the rules it judged by; `rules` names
    those that decided; `approvals` is how many people an escalation asks for; `needs` names what would
    turn a denial, like `second_factor`; `facts` are what it judged by beyond what was asked."""

    voter: str
    verdict: Verdict
    reason: str
    digest: str
    rules: tuple[str, ...] = ()
    approvals: int = 0
    needs: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "voter": self.voter,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "digest": self.digest,
            **({"rules": list(self.rules)} if self.rules else {}),
            **({"approvals": self.approvals} if self.approvals else {}),
            **({"needs": self.needs} if self.needs else {}),
            **({"facts": dict(self.facts)} if self.facts else {}),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`asked` is all that the rules could ask about: recorded, so that it can be judged again."""

    verdict: Verdict
    reason: str
    votes: tuple[Vote, ...]
    asked: Mapping[str, Any]
    policy_digest: str

    @property
    def approvals(self) -> int:
        return max((vote.approvals for vote in self.votes), default=0)


class RulesChanged(Exception):
    """The rules are not those that they should be. The gate closes itself on this."""


class Voter(Protocol):
    name: str

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the rules that it judges by now."""

    def vote(self, request: Request, asked: Mapping[str, Any]) -> Vote:
        """`asked` is `request` in JSON; a voter that judges by it alone can be replayed."""
