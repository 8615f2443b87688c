"""Who asks: a person, a client's token, or one of the product's own processes."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from audit.models import ApiToken, User

Kind = Literal["user", "token", "system"]


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
        """As the ledger names it, like `user:ada` or `token:alertmanager`."""
        return f"{self.kind}:{self.name}"

    @property
    def person(self) -> str:
        """Who answers for it: a token that acts for somebody is that somebody to the axioms."""
        return f"user:{self.user.username}" if self.user else self.actor


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
