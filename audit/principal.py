"""Who asks: a person, a client's token, or one of the product's own processes.

Rules and pages know people by name, the record by a salted commitment that says nothing once the
salt is gone. A `PersonName` carries both.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from audit.models import ApiToken, User

Kind = Literal["user", "token", "system"]

# Before the commitment of somebody who was erased; no user name can hold a tilde otherwise.
ERASED = "erased-"


def subject(user: "User") -> str:
    """The commitment to a person: `~` and 32 hexadecimal digits of SHA-256(salt ‖ user name). The
    database computes the same in `audit_subject()`."""
    if user.username.startswith(f"{ERASED}~"):
        return user.username.removeprefix(ERASED)
    return "~" + hashlib.sha256(bytes(user.salt) + user.username.encode()).hexdigest()[:32]


class PersonName(str):
    """`user:ada`, as rules and pages know somebody; `recorded` is what goes on record in its place."""

    __slots__ = ("recorded",)
    recorded: str

    def __new__(cls, user: "User") -> Self:
        name = super().__new__(cls, f"user:{user.username}")
        name.recorded = f"user:{subject(user)}"
        return name


@dataclass(frozen=True, slots=True)
class Principal:
    """`scopes` is None where no token limits what the person may do; `source` is the slug of the
    detector whose alerts a token sends; `second_factor_at` is when a token was issued by somebody
    with a second factor."""

    kind: Kind
    name: str
    user: "User | None" = None
    scopes: frozenset[str] | None = None
    source: str = ""
    second_factor_at: datetime | None = None

    @property
    def actor(self) -> str:
        """As rules and pages name it, like `user:ada` or `token:alertmanager`."""
        if self.kind == "user" and self.user is not None:
            return PersonName(self.user)
        return f"{self.kind}:{self.name}"

    @property
    def recorded(self) -> str:
        """As the ledger names it, like `user:~3f…` or `token:alertmanager`."""
        actor = self.actor
        return actor.recorded if isinstance(actor, PersonName) else actor

    @property
    def person(self) -> str:
        """Who answers for it: a token that acts for somebody is that somebody to the axioms."""
        return PersonName(self.user) if self.user else self.actor


def person(user: "User") -> Principal:
    return Principal(kind="user", name=user.username, user=user)


def client(token: "ApiToken") -> Principal:
    return Principal(
        kind="token",
        name=token.name,
        user=token.user,
        scopes=frozenset(token.scopes),
        source=token.source,
        second_factor_at=token.second_factor_at,
    )


def system(name: str) -> Principal:
    return Principal(kind="system", name=name)
