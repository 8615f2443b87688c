"""No secret is ever kept: not in what waits for approval, not in the journal, not in the ledger."""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from audit import journal
from audit.accounts import password_change, password_set, token_issue, user_create
from audit.approvals.arguments import CannotBeAsked, encode
from audit.gate.types import Action
from audit.governed import SERVICES, governed
from audit.models import ApiToken, ApprovalRequest, Event, User
from audit.principal import Principal
from audit.rows import row_save
from audit.second_factor.services import (
    recovery_codes_renew,
    second_factor_answer,
    second_factor_begin,
    second_factor_confirm,
    second_factor_remove,
)
from audit.secrecy import Typed, kept_in_the_open, names_a_secret
from incidents.models import Channel, ContactMethod
from incidents.services.channels import channel_secret_set
from incidents.services.contacts import contact_confirm
from portal.lib.errors import VigilError
from tests.audit.test_approvals_execution import activate
from tests.people import TESTS, Cast

SECRET = "s3cret-Zebra-Quartz-91"
HELD_UP = """@id("all")
permit (principal, action, resource);
@id("everything-by-two")
@escalate("true")
forbid (principal, action, resource) when { context.approvals < 1 }
unless { resource.kind == "audit.approvalrequest" };
"""

Calls = dict[str, Callable[[Cast], Any]]
# One call of each service with a secret, each with the same words for it.
CALLS: Calls = {
    "user_create": lambda cast: user_create(
        user=User(username="eve"), password=SECRET, roles=[], by=cast.principal("administrator")
    ),
    "password_change": lambda cast: password_change(
        user=cast.responder, password=SECRET, by=cast.principal("responder")
    ),
    "password_set": lambda cast: password_set(
        user=cast.responder, password=SECRET, by=cast.principal("administrator")
    ),
    "token_issue": lambda cast: token_issue(
        token=ApiToken(name="eve", scopes=["admin"]), by=cast.principal("administrator")
    ),
    "second_factor_begin": lambda cast: second_factor_begin(
        user=cast.responder, password=Typed(SECRET), by=cast.principal("responder")
    ),
    "second_factor_confirm": lambda cast: second_factor_confirm(
        user=cast.responder, code=Typed(SECRET), by=cast.principal("responder")
    ),
    "second_factor_answer": lambda cast: second_factor_answer(
        user=cast.responder, code=Typed(SECRET), by=cast.principal("responder")
    ),
    "second_factor_remove": lambda cast: second_factor_remove(
        user=cast.responder,
        password=Typed(SECRET),
        code=Typed(SECRET),
        by=cast.principal("responder"),
    ),
    "recovery_codes_renew": lambda cast: recovery_codes_renew(
        user=cast.responder, code=Typed(SECRET), by=cast.principal("responder")
    ),
    "channel_secret_set": lambda cast: channel_secret_set(
        channel=Channel(name="Pager", kind="pagerduty"),
        name="routing key",
        secret=Typed(SECRET),
        by=cast.principal("administrator"),
    ),
    "contact_confirm": lambda cast: contact_confirm(
        contact=ContactMethod(user=cast.responder, kind="email"),
        code=Typed(SECRET),
        by=cast.principal("responder"),
    ),
}


@pytest.fixture
def journaled(tmp_path: Path, settings: object, committed_cast: Cast) -> Iterator[Path]:
    settings.JOURNAL_DIR = tmp_path / "journal"
    yield tmp_path / "journal"
    journal.close()


def services_with_a_secret() -> dict[str, Callable[..., Any]]:
    get_commands()
    return {
        path: service
        for path, service in SERVICES.items()
        if any(names_a_secret(name) for name in inspect.signature(service).parameters)
        and path.partition(":")[0].partition(".")[0] != "tests"
    }


def test_each_service_with_a_secret_is_tried_here() -> None:
    """A new one is added to the calls above. `token_revoke` takes a row, which is kept by its key."""
    names = {path.rpartition(":")[2] for path in services_with_a_secret()}
    assert names - {"token_revoke"} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("is_held_up", [True, False])
def test_no_secret_is_kept_whatever_the_policies_say(
    journaled: Path, committed_cast: Cast, name: str, is_held_up: bool
) -> None:
    if is_held_up:
        activate(committed_cast, HELD_UP)
    answer: Any = None
    with suppress(VigilError):
        answer = CALLS[name](committed_cast)
    assert not (is_held_up and answer), "it went past the policy"
    assert not ApprovalRequest.objects.exists()
    secrets = [SECRET, *([answer] if isinstance(answer, str) else [])]
    kept = b"".join(path.read_bytes() for path in journaled.rglob("*") if path.is_file())
    kept += b"".join(bytes(entry) for entry in Event.objects.values_list("entry", flat=True))
    assert kept
    assert [secret for secret in secrets if secret.encode() in kept] == []


def test_a_service_that_would_keep_a_secret_cannot_be_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for registry in ("ACTIONS", "SERVICES"):
        monkeypatch.setattr(f"audit.governed.{registry}", {})
    action = Action("tests:secret:keep", event="kept")
    for name in ("password", "new_password", "code", "recovery_codes", "api_key", "client_secret"):
        service = taking(name)
        with pytest.raises(TypeError, match=name):
            governed(action, on="user")(service)
        governed(action, on="user", is_secret=True)(service)


def taking(name: str) -> Callable[..., None]:
    def keep(**_arguments: object) -> None: ...

    kinds = {"user": User, name: str, "by": Principal}
    keep.__signature__ = inspect.Signature(
        [
            inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            for each, kind in kinds.items()
        ]
    )
    return keep


def test_every_declared_service_keeps_rows_and_typed_secrets_apart() -> None:
    open_ones = {path: kept_in_the_open(service) for path, service in SERVICES.items()}
    marked = {path.rpartition(":")[2] for path, kept in open_ones.items() if kept}
    # Those that are never kept at all, see `is_secret`.
    assert {name for name in marked if name != "keep"} <= {
        "user_create",
        "password_change",
        "password_set",
    }


@pytest.mark.parametrize(
    "name", ["password", "code", "api_key", "secret", "token", "recovery_code"]
)
@pytest.mark.parametrize(
    "around", [lambda n, s: {n: s}, lambda n, s: {"fields": {n: s}}, lambda n, s: {"a": [{n: s}]}]
)
def test_what_is_named_like_a_secret_cannot_be_put_up_for_approval(
    name: str, around: Callable[[str, str], dict[str, Any]]
) -> None:
    with pytest.raises(CannotBeAsked) as refused:
        encode(around(name, SECRET))
    assert SECRET not in str(refused.value)


def test_what_is_no_secret_can(cast: Cast) -> None:
    plain = {"dedup_key": "cpu", "reason": "a code review", "severity": "P1", "tokens": 3}
    assert json.dumps(encode(plain))


def test_a_change_of_a_stored_password_cannot_wait_for_approval(cast: Cast) -> None:
    cast.responder.password = "pbkdf2_sha256$1$salt$hash"
    with pytest.raises(CannotBeAsked):
        encode({"instance": cast.responder}, carries=("instance",))
    row_save(instance=cast.responder, by=TESTS)


def test_typed_is_never_printed() -> None:
    assert SECRET not in f"{Typed(SECRET)!r} {Typed(SECRET)}"
