"""One's own account: everybody's to change, and nobody else's."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.accounts import password_change, profile_change
from audit.gate.axioms import AxiomsVoter
from audit.models import Event, User
from audit.principal import person
from portal.lib.errors import GovernanceDenied
from tests.database import as_superuser
from tests.entries import actor_of
from tests.people import Cast

URL = reverse("audit:account")
OLD, NEW = "correct horse", "battery staple 9"


def zone(value: str) -> dict[str, str]:
    return {"profile": "1", "profile-time_zone": value}


def passwords(old: str = OLD, new: str = NEW, again: str = NEW) -> dict[str, str]:
    return {
        "password": "1",
        "password-old": old,
        "password-password": new,
        "password-again": again,
    }


@pytest.fixture
def outsider(cast: Cast, client: Client) -> Client:
    client.force_login(cast.outsider)
    return client


def user(name: str = "outsider") -> User:
    return User.objects.get(username=name)


def test_a_time_zone_is_changed_on_record(outsider: Client) -> None:
    assert outsider.post(URL, zone("Europe/Zurich")).status_code == 302
    assert user().time_zone == "Europe/Zurich"
    event = Event.objects.order_by("-id")[0]
    assert (event.event, actor_of(event)) == ("profile_changed", "user:outsider")


def test_an_unknown_time_zone_is_refused(outsider: Client) -> None:
    response = outsider.post(URL, zone("Mars/Olympus"))
    assert response.context["profile"].errors["time_zone"]
    assert user().time_zone == "UTC"


def test_a_password_is_changed_and_this_session_goes_on(cast: Cast, outsider: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(cast.outsider)
    assert outsider.post(URL, passwords()).status_code == 302
    assert user().check_password(NEW)
    assert Event.objects.order_by("-id")[0].event == "password_changed"
    assert outsider.get(URL).status_code == 200
    assert elsewhere.get(URL).status_code == 302


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (passwords(old="wrong"), "old"),
        (passwords(again="battery staple 8"), "again"),
        (passwords(new="short", again="short"), "password"),
        (passwords(new="password1234", again="password1234"), "password"),
    ],
)
def test_a_password_that_will_not_do_is_said_so(
    outsider: Client, typed: dict[str, str], field: str
) -> None:
    response = outsider.post(URL, typed)
    assert response.context["password"].errors[field]
    assert user().check_password(OLD)


def test_no_password_is_on_the_page_or_on_record(outsider: Client) -> None:
    page = outsider.post(URL, passwords(again="battery staple 8")).content.decode()
    assert NEW not in page
    assert OLD not in page
    outsider.post(URL, passwords())
    assert not any(NEW.encode() in bytes(event.entry) for event in Event.objects.all())


def test_nobody_changes_anothers(cast: Cast) -> None:
    by = person(cast.administrator)
    with pytest.raises(GovernanceDenied):
        profile_change(user=cast.outsider, time_zone="Asia/Tokyo", by=by)
    with pytest.raises(GovernanceDenied):
        password_change(user=cast.outsider, password=NEW, by=by)
    assert (user().time_zone, user().check_password(OLD)) == ("UTC", True)


def test_the_admins_own_password_page_leads_here(outsider: Client) -> None:
    assert outsider.get("/password_change/").url == URL
    outsider.post(
        "/password_change/",
        {"old_password": OLD, "new_password1": NEW, "new_password2": NEW},
    )
    assert user().check_password(OLD)


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get(URL).url == f"/login/?next={URL}"
    assert client.post(URL, zone("Asia/Tokyo")).status_code == 302


def test_a_gate_that_breaks_changes_nothing(
    outsider: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AxiomsVoter, "vote", lambda *_args: None)
    for typed, form in ((zone("Asia/Tokyo"), "profile"), (passwords(), "password")):
        response = outsider.post(URL, typed)
        assert response.status_code == 403
        assert "governance system failure" in str(response.context[form].non_field_errors())
    assert (user().time_zone, user().check_password(OLD)) == ("UTC", True)


def test_without_a_ledger_nothing_changes(committed_cast: Cast, client: Client) -> None:
    client.force_login(committed_cast.outsider)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    assert client.post(URL, zone("Asia/Tokyo")).status_code == 503
    assert client.post(URL, passwords()).status_code == 503
    assert (user().time_zone, user().check_password(OLD)) == ("UTC", True)


def test_it_shows_where_one_signed_in(cast: Cast, outsider: Client) -> None:
    Client().force_login(cast.auditor)
    sign_ins = outsider.get(URL).context["sign_ins"]
    assert [actor_of(event) for event in sign_ins] == ["user:outsider"]


@pytest.mark.parametrize("name", ["outsider", "auditor"])
def test_every_active_account_may_sign_in(cast: Cast, client: Client, name: str) -> None:
    response = client.post("/login/", {"username": name, "password": OLD, "next": URL})
    assert response.url == URL


def test_a_wrong_password_is_refused_on_record(cast: Cast, client: Client) -> None:
    page = client.post("/login/", {"username": "auditor", "password": "wrong"}).content.decode()
    assert "do not go together" in page
    assert "staff" not in page
    assert Event.objects.order_by("-id")[0].event == "sign_in_failed"
