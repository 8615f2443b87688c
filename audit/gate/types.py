"""The words of the gate: what is asked, what a voter answers, what is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

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
    where `is_for_clients`. What every active account may do is `is_for_everyone`.
    """

    name: str
    event: str
    permission: str | None = None
    scope: str = "admin"
    is_for_system: bool = False
    is_for_clients: bool = False
    is_for_everyone: bool = False

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
    voter: str
    verdict: Verdict
    reason: str

    def to_json(self) -> dict[str, str]:
        return {"voter": self.voter, "verdict": self.verdict.value, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str
    votes: tuple[Vote, ...]
    policy_digest: str


class Voter(Protocol):
    name: str

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the rules that this voter judges by."""

    def vote(self, request: Request) -> Vote: ...
