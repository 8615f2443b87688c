"""Speaks to the API as somebody: JSON in, JSON out."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from audit.accounts import token_issue
from audit.models import ApiToken, User
from tests.people import TESTS, with_second_factor

API = "/api/v1/"


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return self.body["error_code"]

    @property
    def fields(self) -> dict[str, str]:
        return {error["field"]: error["message"] for error in self.body["errors"]}


@dataclass
class Caller:
    client: Client = field(default_factory=Client)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.call("PUT", path, body, **headers)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Headers as `If_Match="…"`. Bytes go out as they are."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.generic(
            method,
            path if path.startswith("/") else API + path,
            raw,
            content_type=sent.pop("Content-Type", "application/json"),
            headers={**self.headers, **sent},
        )
        text = response.content
        return Answer(
            response.status_code, json.loads(text) if text else None, dict(response.items())
        )


def signed_in(user: User) -> Caller:
    caller = Caller()
    caller.client.force_login(user)
    with_second_factor(caller.client, user)
    return caller


def with_secret(secret: str) -> Caller:
    return Caller(headers={"Authorization": f"Bearer {secret}"})


def issued(*scopes: str, user: User | None = None, **fields: object) -> str:
    """The secret of a new token."""
    name = fields.pop("name", f"token-{secrets.token_hex(4)}")
    token = ApiToken(name=name, scopes=list(scopes), user=user, **fields)
    return token_issue(token=token, by=TESTS)
