"""Accounts, roles and tokens in the admin: no secret is kept, nobody is locked out."""

import json
import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from audit.authentication import token_for
from audit.gate.permissions import PermissionsVoter
from audit.models import ApiToken, Event, User
from audit.rows import row_save
from portal.roles import ROLES
from tests.database import as_superuser
from tests.entries import noted
from tests.people import TESTS, Cast

PEOPLE, ROLE, TOKENS = "admin:audit_user", "admin:auth_group", "admin:audit_apitoken"


@pytest.fixture
def administrator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.administrator)
    return client


def last() -> Event:
    return Event.objects.order_by("-id")[0]


def shown(client: Client, address: str) -> dict[str, object]:
    form = client.get(address).context["adminform"].form
    values = {name: form[name].value() for name in form.initial if name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def secret_on(page: bytes) -> str:
    found = re.search(rb'id="secret"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found[1].decode()


# --- People


def add(client: Client, *roles: str) -> bytes:
    groups = [group.pk for group in Group.objects.filter(name__in=roles)]
    typed = {"username": "ada", "time_zone": "Europe/Zurich", "groups": groups}
    response = client.post(reverse(f"{PEOPLE}_add"), typed)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return bytes(response.content)


def test_a_person_is_added_with_roles_and_a_password_shown_once(administrator: Client) -> None:
    password = secret_on(add(administrator, "Responder"))
    ada = User.objects.get(username="ada")
    assert ada.check_password(password)
    assert [group.name for group in ada.groups.all()] == ["Responder"]
    assert last().event == "user_added"
    tables = {change["table"] for change in json.loads(bytes(last().entry))["changes"]}
    assert tables == {"audit_user", "audit_user_groups"}
    page = administrator.get(reverse(f"{PEOPLE}_change", args=[ada.pk])).content.decode()
    assert password not in page
    assert ada.password not in page


def test_a_new_password_is_drawn_and_ends_every_session(cast: Cast, administrator: Client) -> None:
    theirs = Client()
    theirs.force_login(cast.responder)
    address = reverse("admin:audit_user_password", args=[cast.responder.pk])
    assert administrator.get(address).status_code == 200
    password = secret_on(administrator.post(address).content)
    assert User.objects.get(pk=cast.responder.pk).check_password(password)
    assert last().event == "password_set"
    assert theirs.get(reverse("audit:account")).status_code == 302


@pytest.mark.parametrize("name", ["responder", "commander", "auditor", "outsider"])
def test_other_roles_draw_no_passwords(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    address = reverse("admin:audit_user_password", args=[cast.administrator.pk])
    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403
    assert last().event == "governance_denied"
    assert User.objects.get(pk=cast.administrator.pk).check_password("correct horse")


def test_nobody_makes_themselves_an_administrator(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    address = reverse(f"{PEOPLE}_change", args=[cast.commander.pk])
    group = Group.objects.get(name="Administrator")
    assert client.post(address, {"groups": [group.pk], "time_zone": "UTC"}).status_code == 403
    assert not User.objects.get(pk=cast.commander.pk).has_perm("audit.change_user")


def test_no_form_makes_a_superuser(cast: Cast, administrator: Client) -> None:
    address = reverse(f"{PEOPLE}_change", args=[cast.responder.pk])
    typed = shown(administrator, address) | {"is_superuser": "on", "is_staff": "on"}
    assert administrator.post(address, typed).status_code == 302
    changed = User.objects.get(pk=cast.responder.pk)
    assert (changed.is_superuser, changed.is_staff) == (False, False)


def test_an_account_is_deactivated_and_never_deleted(cast: Cast, administrator: Client) -> None:
    theirs = Client()
    theirs.force_login(cast.responder)
    address = reverse(f"{PEOPLE}_change", args=[cast.responder.pk])
    typed = shown(administrator, address)
    del typed["is_active"]
    assert administrator.post(address, typed | {"reason": "Left"}).status_code == 302
    assert theirs.get(reverse("audit:account")).status_code == 302
    delete = reverse(f"{PEOPLE}_delete", args=[cast.responder.pk])
    assert administrator.post(delete, {}).status_code == 403
    assert User.objects.filter(pk=cast.responder.pk, is_active=False).exists()


def test_nobody_deactivates_themselves(cast: Cast, administrator: Client) -> None:
    address = reverse(f"{PEOPLE}_change", args=[cast.administrator.pk])
    typed = shown(administrator, address)
    del typed["is_active"]
    errors = administrator.post(address, typed).context["adminform"].form.errors
    assert errors["is_active"] == ["You cannot deactivate your own account."]


def test_the_last_administrator_stays_one(cast: Cast, administrator: Client) -> None:
    address = reverse(f"{PEOPLE}_change", args=[cast.administrator.pk])
    response = administrator.post(address, shown(administrator, address) | {"groups": []})
    assert response.status_code == 409
    assert "Nobody would be left" in response.content.decode()
    assert User.objects.get(pk=cast.administrator.pk).has_perm("audit.change_user")


def test_a_user_name_stays(cast: Cast, administrator: Client) -> None:
    address = reverse(f"{PEOPLE}_change", args=[cast.responder.pk])
    administrator.post(address, shown(administrator, address) | {"username": "somebody"})
    assert User.objects.get(pk=cast.responder.pk).username == "responder"


def test_without_a_ledger_nobody_is_added(committed_cast: Cast, client: Client) -> None:
    client.force_login(committed_cast.administrator)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    added = client.post(reverse(f"{PEOPLE}_add"), {"username": "ada", "time_zone": "UTC"})
    drawn = client.post(reverse("admin:audit_user_password", args=[committed_cast.outsider.pk]))
    assert [added.status_code, drawn.status_code] == [503, 503]
    assert b'id="secret"' not in added.content + drawn.content
    assert not User.objects.filter(username="ada").exists()
    assert User.objects.get(pk=committed_cast.outsider.pk).check_password("correct horse")


# --- Roles


def test_a_role_keeps_what_the_form_does_not_offer(cast: Cast, administrator: Client) -> None:
    group = Group.objects.get(name="Responder")
    rare = Permission.objects.get(codename="add_session")
    row_save(instance=group, related=lambda: group.permissions.add(rare), by=TESTS)
    address = reverse(f"{ROLE}_change", args=[group.pk])
    assert administrator.post(address, shown(administrator, address)).status_code == 302
    held = {
        f"{permission.content_type.app_label}.{permission.codename}"
        for permission in group.permissions.select_related("content_type")
    }
    assert held == {*ROLES["Responder"], "sessions.add_session"}


def test_a_role_that_people_hold_is_not_deleted(cast: Cast, administrator: Client) -> None:
    group = Group.objects.get(name="Commander")
    address = reverse(f"{ROLE}_delete", args=[group.pk])
    assert administrator.get(address).context["needed_by"] == {"people": "2"}
    assert administrator.post(address, {}).status_code == 409
    assert Group.objects.filter(pk=group.pk).exists()


def test_a_role_that_nobody_holds_is_deleted_whole(cast: Cast, administrator: Client) -> None:
    group = Group(name="Spare")
    view = Permission.objects.get(codename="view_service")
    row_save(instance=group, related=lambda: group.permissions.add(view), by=TESTS)
    address = reverse(f"{ROLE}_delete", args=[group.pk])
    assert administrator.post(address, {}).status_code == 302
    changes = json.loads(bytes(last().entry))["changes"]
    assert [(c["table"], c["op"]) for c in changes] == [
        ("auth_group_permissions", "D"),
        ("auth_group", "D"),
    ]


def test_the_role_of_the_last_administrator_keeps_its_right(
    cast: Cast, administrator: Client
) -> None:
    group = Group.objects.get(name="Administrator")
    address = reverse(f"{ROLE}_change", args=[group.pk])
    response = administrator.post(address, shown(administrator, address) | {"permissions": []})
    assert response.status_code == 409
    assert group.permissions.filter(codename="change_user").exists()


# --- Tokens


def token(**fields: object) -> dict[str, object]:
    return {"name": "ci", "scopes": ["incidents:read"], **fields}


def test_a_token_is_issued_and_its_secret_shown_once(administrator: Client) -> None:
    response = administrator.post(reverse(f"{TOKENS}_add"), token())
    assert "no-store" in response["Cache-Control"]
    secret = secret_on(response.content)
    issued = token_for(secret)
    assert issued is not None
    assert issued.scopes == ["incidents:read"]
    assert last().event == "token_issued"
    page = administrator.get(reverse(f"{TOKENS}_change", args=[issued.pk])).content.decode()
    assert secret not in page
    assert secret.encode() not in bytes(last().entry)


def test_a_token_is_revoked_with_a_reason(cast: Cast, administrator: Client) -> None:
    address = reverse("admin:audit_apitoken_revoke", args=[cast.token.pk])
    assert administrator.get(address).status_code == 200
    assert administrator.post(address, {"reason": "Leaked"}).status_code == 302
    assert token_for(cast.secret) is None
    assert noted(json.loads(bytes(last().entry))) == {"token": "probe", "reason": "Leaked"}
    again = administrator.post(address, {"reason": "Twice"})
    assert again.status_code == 409
    assert b"Twice" in again.content


@pytest.mark.parametrize("name", ["responder", "commander", "auditor", "outsider"])
def test_other_roles_neither_issue_nor_revoke(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    assert client.post(reverse(f"{TOKENS}_add"), token()).status_code == 403
    revoke = reverse("admin:audit_apitoken_revoke", args=[cast.token.pk])
    assert client.get(revoke).status_code == 403
    assert client.post(revoke, {"reason": "Mine"}).status_code == 403
    assert last().action == "audit:apitoken:revoke"
    assert last().event == "governance_denied"
    assert token_for(cast.secret) is not None


def test_a_gate_that_breaks_issues_nothing(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PermissionsVoter, "vote", lambda *_args: None)
    response = administrator.post(reverse(f"{TOKENS}_add"), token())
    assert response.status_code == 403
    assert b'id="secret"' not in response.content
    assert not ApiToken.objects.filter(name="ci").exists()


def test_a_token_is_neither_changed_nor_deleted(cast: Cast, administrator: Client) -> None:
    change = reverse(f"{TOKENS}_change", args=[cast.token.pk])
    assert administrator.post(change, token(scopes=["admin"])).status_code == 403
    delete = reverse(f"{TOKENS}_delete", args=[cast.token.pk])
    assert administrator.post(delete, {}).status_code == 403
    assert ApiToken.objects.get(pk=cast.token.pk).scopes == ["alerts:write"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "probe"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"source": "probe"}, "source"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
    ],
)
def test_a_token_that_will_not_do_is_said_so(
    administrator: Client, fields: dict[str, object], wrong: str
) -> None:
    response = administrator.post(reverse(f"{TOKENS}_add"), token(**fields))
    assert list(response.context["adminform"].form.errors) == [wrong]


def token_clerk(cast: Cast) -> User:
    """Somebody who issues tokens, and holds nothing else."""
    group = Group(name="Token clerk")
    rights = Permission.objects.filter(codename__in=["add_apitoken", "view_apitoken"])
    row_save(
        instance=group,
        related=lambda: (group.permissions.set(rights), cast.outsider.groups.add(group)),
        by=TESTS,
    )
    return User.objects.get(pk=cast.outsider.pk)


@pytest.mark.parametrize("scope", ["audit:read", "admin"])
def test_nobody_gives_away_the_record_who_may_not_read_it(
    cast: Cast, client: Client, scope: str
) -> None:
    client.force_login(token_clerk(cast))
    response = client.post(reverse(f"{TOKENS}_add"), token(scopes=[scope]))
    assert "may read the record" in str(response.context["adminform"].form.errors["scopes"])
    assert not ApiToken.objects.filter(name="ci").exists()


def test_a_token_for_somebody_else_needs_the_right_to_change_them(
    cast: Cast, client: Client
) -> None:
    client.force_login(token_clerk(cast))
    refused = client.post(reverse(f"{TOKENS}_add"), token(user=cast.commander.pk))
    assert refused.context["adminform"].form.errors["user"]
    allowed = client.post(reverse(f"{TOKENS}_add"), token(user=cast.outsider.pk))
    assert allowed.status_code == 200
    assert ApiToken.objects.get(name="ci").user == cast.outsider
