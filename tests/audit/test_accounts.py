"""People, roles, tokens and sign-ins."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from audit.accounts import password_set, token_issue, token_revoke
from audit.authentication import basic_password, token_for
from audit.models import ApiToken, Event, User
from audit.rows import row_save
from incidents.models import SeverityRule, Source
from portal.first_run import Credentials, first_run
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from portal.roles import ROLES
from tests.database import as_superuser
from tests.entries import actor_of
from tests.people import TESTS, Cast


def issued(cast: Cast, **fields: object) -> tuple[ApiToken, str]:
    token = ApiToken(**{"name": "cli", "scopes": ["incidents:read"], **fields})
    return token, token_issue(token=token, by=cast.principal("administrator"))


def test_a_token_is_kept_as_its_digest_alone(cast: Cast) -> None:
    token, secret = issued(cast)
    assert secret.startswith("vgl_")
    assert token_for(secret) == token
    assert secret.encode() not in bytes(token.digest)
    assert secret.encode() not in b"".join(bytes(e.entry) for e in Event.objects.all())


@pytest.mark.parametrize("secret", ["", "vgl_", "vgl_wrong", "\ud800", "a\0b"])
def test_another_secret_is_nobody(cast: Cast, secret: str) -> None:
    assert token_for(secret) is None


def test_an_expired_or_revoked_token_is_nobody(cast: Cast) -> None:
    token, secret = issued(cast, expires_at=timezone.now() + timedelta(hours=1))
    assert token_for(secret) is not None
    token_revoke(token=token, by=cast.principal("administrator"))
    assert token_for(secret) is None
    with pytest.raises(Conflict, match="already"):
        token_revoke(token=token, by=cast.principal("administrator"))


def test_a_token_ends_with_its_person(cast: Cast) -> None:
    _token, secret = issued(cast, user=cast.responder)
    cast.responder.is_active = False
    row_save(instance=cast.responder, by=TESTS)
    assert token_for(secret) is None


def test_only_administrators_issue_tokens(cast: Cast) -> None:
    for name in ("commander", "auditor", "outsider"):
        with pytest.raises(GovernanceDenied):
            token_issue(token=ApiToken(name="x", scopes=["admin"]), by=cast.principal(name))


def test_a_token_name_is_taken_once(cast: Cast) -> None:
    issued(cast)
    with pytest.raises(ValidationFailed, match="already"):
        issued(cast)


@pytest.mark.parametrize(
    ("header", "password"),
    [("YTpi", "b"), ("OmI6Yw==", "b:c"), ("!!", ""), ("", ""), ("/w==", ""), ("YQ==", "")],
)
def test_the_password_of_a_basic_header(header: str, password: str) -> None:
    assert basic_password(header) == password


def test_a_weak_password_is_refused_by_field(cast: Cast) -> None:
    with pytest.raises(ValidationFailed) as refused:
        password_set(user=cast.responder, password="password", by=TESTS)
    assert {error.field for error in refused.value.errors} == {"password"}


def test_a_sign_in_is_on_record(cast: Cast, client: Client) -> None:
    assert client.login(username="auditor", password="correct horse")
    event = Event.objects.latest("id")
    assert (event.event, actor_of(event)) == ("sign_in", "user:auditor")


def test_a_failed_sign_in_names_the_account_only_where_there_is_one(
    cast: Cast, client: Client
) -> None:
    client.login(username="auditor", password="wrong")
    assert Event.objects.latest("id").target == f"audit.user:{cast.auditor.pk}"
    client.login(username="hunter2-typed-into-the-wrong-field", password="x")
    event = Event.objects.latest("id")
    assert (event.event, event.target) == ("sign_in_failed", "audit.user:unknown")
    assert b"hunter2" not in bytes(event.entry)


def test_a_sign_in_that_cannot_be_recorded_does_not_happen(
    committed_cast: Cast, client: Client
) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    page = client.post("/login/", {"username": "auditor", "password": "correct horse"})
    assert page.status_code == 503
    assert client.get("/audit/").status_code == 302


def test_a_new_installation_starts_with_one_person_a_role(committed_db: None) -> None:
    kept: list[Credentials] = []
    credentials = first_run(keep=kept.append)
    assert credentials is not None
    assert kept == [credentials]
    assert {role for _name, _password, role in credentials.users} == set(ROLES)
    for username, password, role in credentials.users:
        user = User.objects.get(username=username)
        assert user.check_password(password)
        assert [group.name for group in user.groups.all()] == [role]
    token = token_for(credentials.token)
    assert token is not None
    assert Source.objects.filter(slug=token.source).exists()


def test_a_second_start_changes_nothing(committed_db: None) -> None:
    first_run(keep=lambda _made: None)
    events = Event.objects.count()
    assert first_run(keep=lambda _made: None) is None
    assert Event.objects.count() == events


def test_what_administrators_removed_stays_removed(committed_cast: Cast) -> None:
    rules = SeverityRule.objects.count()
    first_run(keep=lambda _made: None)
    assert SeverityRule.objects.count() == rules
    assert Group.objects.count() == len(ROLES)


def test_a_first_start_that_cannot_keep_the_passwords_makes_nobody(committed_db: None) -> None:
    def full(_made: Credentials) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        first_run(keep=full)
    assert not User.objects.exists()
    assert first_run(keep=lambda _made: None) is not None
