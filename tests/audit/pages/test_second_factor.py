"""The pages: signing in takes two, setting up half a minute, and a refusal leads there and back."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from audit.gate.axioms import AxiomsVoter
from audit.models import Event, User
from audit.second_factor.services import FREE_FAILURES
from tests.authenticator import PASSWORD, code_of, enrol, secret_from
from tests.database import as_superuser
from tests.people import Cast, with_second_factor

LOGIN, CODE = reverse("admin:login"), reverse("audit:sign-in-code")
PAGE, ACCOUNT = reverse("audit:second-factor"), reverse("audit:account")


def fresh(name: str = "commander") -> User:
    return User.objects.get(username=name)


def password(client: Client, name: str = "commander", then: str = "/account/") -> object:
    return client.post(f"{LOGIN}?next={then}", {"username": name, "password": PASSWORD})


def is_signed_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def mark(client: Client) -> bool:
    """What the gate would be told: whether an answer's events have a second factor."""
    return "second_factor" in client.session


def test_without_a_second_factor_the_password_signs_in(cast: Cast, client: Client) -> None:
    assert password(client)["Location"] == "/account/"
    assert is_signed_in(client)
    assert not mark(client)


def test_with_one_the_password_alone_signs_nobody_in(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    assert password(client)["Location"] == CODE
    assert not is_signed_in(client)
    assert client.get(CODE).status_code == 200
    response = client.post(CODE, {"code": code_of(secret, steps=1)})
    assert response["Location"] == "/account/"
    assert is_signed_in(client)
    assert mark(client)
    opened = Event.objects.filter(event="sign_in").latest("id")
    assert b'"second_factor":true' in bytes(opened.entry)


def test_a_wrong_code_signs_nobody_in_and_says_so(cast: Cast, client: Client) -> None:
    enrol(cast.commander)
    password(client)
    response = client.post(CODE, {"code": "abcdef"})
    assert response.status_code == 400
    assert "wrong, or was used before" in response.text
    assert not is_signed_in(client)


def test_too_many_wrong_codes_are_told_to_wait(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    password(client)
    for _ in range(FREE_FAILURES):
        client.post(CODE, {"code": "abcdef"})
    response = client.post(CODE, {"code": code_of(secret, steps=1)})
    assert response.status_code == 429
    assert "seconds" in response.text
    assert not is_signed_in(client)


def test_the_code_page_without_the_password_leads_back(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    for response in (client.get(CODE), client.post(CODE, {"code": code_of(secret, steps=1)})):
        assert response["Location"] == LOGIN
    assert not is_signed_in(client)


def test_the_wait_for_a_code_ends(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    password(client)
    waiting = client.session["password_was_right"]
    session = client.session
    session["password_was_right"] = waiting | {"until": "2020-01-01T00:00:00+00:00"}
    session.save()
    assert client.post(CODE, {"code": code_of(secret, steps=1)})["Location"] == LOGIN


def test_it_never_leads_to_another_site(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    password(client, then="https://evil.example/")
    response = client.post(CODE, {"code": code_of(secret, steps=1)})
    assert response["Location"] == "/"


def test_setting_up_takes_two_forms_and_shows_the_codes_once(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    assert "Begin" in client.get(PAGE).text
    begun = client.post(PAGE, {"do": "begin", "password": PASSWORD, "next": "/approvals/"})
    assert "no-store" in begun["Cache-Control"]
    assert "<svg" in begun.text
    secret = secret_from(begun.context["secret"])
    done = client.post(PAGE, {"do": "confirm", "code": code_of(secret), "next": "/approvals/"})
    codes = re.findall(r"<li>(\w{4}(?:-\w{4}){3})</li>", done.text)
    assert len(codes) == 10
    assert 'href="/approvals/"' in done.text
    assert mark(client)
    assert "10 of them" in client.get(PAGE).text
    assert codes[0] not in client.get(PAGE).text


def test_a_wrong_code_at_set_up_may_be_typed_again(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    begun = client.post(PAGE, {"do": "begin", "password": PASSWORD})
    secret = secret_from(begun.context["secret"])
    wrong = client.post(PAGE, {"do": "confirm", "code": "12345"})
    assert wrong.status_code == 400
    assert "clock of the device" in wrong.text
    assert secret_from(begun.context["secret"]) == secret
    assert client.post(PAGE, {"do": "confirm", "code": code_of(secret)}).status_code == 200


def test_it_does_not_begin_without_the_password(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    response = client.post(PAGE, {"do": "begin", "password": "guess"})
    assert response.status_code == 400
    assert "not your password" in response.text


def test_another_session_confirms_it_too_and_goes_back(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    secret, _codes = enrol(cast.commander)
    assert "Confirm it for this session" in client.get(PAGE).text
    answer = {"do": "answer", "code": code_of(secret, steps=1), "next": "/approvals/"}
    assert client.post(PAGE, answer)["Location"] == "/approvals/"
    assert mark(client)


def test_the_way_back_stays_on_this_site(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    secret, _codes = enrol(cast.commander)
    answer = {"do": "answer", "code": code_of(secret, steps=1), "next": "//evil.example/"}
    assert client.post(PAGE, answer)["Location"] == PAGE


def test_removing_it_takes_it_from_every_session(cast: Cast, client: Client) -> None:
    secret, _codes = enrol(cast.commander)
    client.force_login(cast.commander)
    with_second_factor(client, fresh())
    elsewhere = with_second_factor_of(cast)
    remove = {"do": "remove", "password": PASSWORD, "code": code_of(secret, steps=1)}
    assert client.post(PAGE, remove)["Location"] == ACCOUNT
    enrol(fresh())
    assert "Confirm it for this session" in elsewhere.get(PAGE).text


def with_second_factor_of(cast: Cast) -> Client:
    elsewhere = Client()
    elsewhere.force_login(cast.commander)
    return with_second_factor(elsewhere, fresh())


def test_new_codes_are_shown_once(cast: Cast, client: Client) -> None:
    secret, old = enrol(cast.commander)
    client.force_login(cast.commander)
    response = client.post(PAGE, {"do": "renew", "code": code_of(secret, steps=1)})
    assert len(response.context["codes"]) == 10
    assert old[0] not in response.text
    assert client.post(PAGE, {"do": "renew", "code": "abcdef"}).status_code == 400


def test_what_it_cannot_do_it_says(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    assert client.post(PAGE, {"do": "nothing"}).status_code == 404
    assert client.post(PAGE, {"do": "remove", "password": PASSWORD, "code": "1"}).status_code == 409
    assert client.post(PAGE, {"do": "begin"}).status_code == 400


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(PAGE)["Location"].startswith(LOGIN)


@pytest.fixture
def administrator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.administrator)
    return with_second_factor(client, fresh("administrator"))


def test_an_administrator_resets_somebodys(cast: Cast, administrator: Client) -> None:
    enrol(cast.commander)
    url = reverse("admin:audit_user_second_factor", args=[cast.commander.pk])
    page = administrator.get(reverse("admin:audit_user_change", args=[cast.commander.pk]))
    assert url in page.text
    assert administrator.get(url).status_code == 200
    assert administrator.post(url, {"reason": ""}).status_code == 400
    assert administrator.post(url, {"reason": "Lost phone"}).status_code == 302
    assert fresh().second_factor_since is None


def test_who_resets_has_a_second_factor_and_is_led_to_it(cast: Cast, client: Client) -> None:
    enrol(cast.commander)
    client.force_login(cast.administrator)
    url = reverse("admin:audit_user_second_factor", args=[cast.commander.pk])
    response = client.post(url, {"reason": "Lost phone"})
    assert response.status_code == 403
    assert f'href="{PAGE}?next={url.replace("/", "%2F")}"' in response.text
    assert fresh().second_factor_since is not None


def test_the_wrong_role_resets_nothing(cast: Cast, client: Client) -> None:
    enrol(cast.commander)
    client.force_login(cast.auditor)
    with_second_factor(client, fresh("auditor"))
    url = reverse("admin:audit_user_second_factor", args=[cast.commander.pk])
    assert client.post(url, {"reason": "Why not"}).status_code in {302, 403, 404}
    assert fresh().second_factor_since is not None


def test_with_a_broken_gate_nobody_gets_in(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _codes = enrol(cast.commander)
    password(client)

    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(AxiomsVoter, "vote", broken)
    assert client.post(CODE, {"code": code_of(secret, steps=1)}).status_code == 403
    monkeypatch.undo()
    assert not is_signed_in(client)


def test_with_a_broken_ledger_nobody_gets_in(committed_cast: Cast, client: Client) -> None:
    secret, _codes = enrol(committed_cast.commander)
    password(client)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    assert client.post(CODE, {"code": code_of(secret, steps=1)}).status_code == 503
    assert not is_signed_in(client)


def test_the_account_says_where_one_stands(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    assert "Set up an authenticator app" in client.get(ACCOUNT).text
    enrol(cast.commander)
    assert "10 recovery codes left" in client.get(ACCOUNT).text
