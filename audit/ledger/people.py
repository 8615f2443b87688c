"""Who a history row's person is to the ledger. Read without Django, and from the rows themselves, which
are held against the ledger too."""

from dataclasses import dataclass
from typing import Any, Self

import psycopg

# As audit.principal.subject() has it, and not by the database's function of that name: who edits rows
# behind the triggers can also put another one in its place.
USERS = r"""
SELECT id::bigint, username, CASE WHEN username LIKE 'erased-~%' THEN substr(username, 8)
    ELSE '~' || left(encode(sha256(salt || convert_to(username, 'UTF8')), 'hex'), 32) END
FROM audit_user
"""
TOKENS = "SELECT name, user_id::bigint FROM audit_apitoken"


@dataclass(frozen=True, slots=True)
class People:
    """`users` are (name, commitment) by key, `tokens` the users that they act for, by name."""

    users: dict[int, tuple[str, str]]
    tokens: dict[str, int | None]

    @classmethod
    def of(cls, opened: psycopg.Connection[tuple[Any, ...]]) -> Self:
        users = {key: (name, ref) for key, name, ref in opened.execute(USERS)}
        return cls(users, dict(opened.execute(TOKENS).fetchall()))

    def fits(self, user: int | None, actor: str) -> bool:
        """Whether that user acted as `actor`, as far as anybody can still tell."""
        kind, _, name = actor.partition(":")
        if kind == "token":
            return user == self.tokens.get(name, user)
        if kind != "user":
            return user is None
        if user is None:
            return not name.startswith("~") and name not in self.names
        known, ref = self.users.get(user, ("", ""))
        if name.startswith("~"):
            return name == ref
        # Earlier releases recorded names in the clear; of the erased nobody knows them any more.
        return known in {name, f"erased-{ref}"}

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.users.values()}
