"""A contact method counts once its owner has shown that what is sent there reaches them."""

from typing import Any

import pytest
from django.db import connection

from audit.erasure.services import KEEPERS
from audit.gate import engine
from audit.principal import person
from audit.secrecy import Typed
from incidents.models import ContactMethod, Notification
from incidents.notify.vault import open_address, open_code
from incidents.selectors.channels import contact_of_slack_user
from incidents.selectors.notifications import notifications_visible_to
from incidents.services.contacts import (
    MOST,
    MOST_FAILURES,
    contact_add,
    contact_confirm,
    contact_remove,
    contact_test,
)
from incidents.tasks import deliver_notifications
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceFailure,
    NotFound,
    RateLimitExceeded,
    ValidationFailed,
)
from tests.database import as_superuser
from tests.fakes.mail import Mail
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import recorded
from tests.incidents.telling import contact
from tests.people import Cast


def added(cast: Cast, kind: str = "email", address: str = "ada@example.org") -> ContactMethod:
    made = ContactMethod(user=cast.responder, kind=kind)
    return contact_add(contact=made, address=Typed(address), by=person(cast.responder))


def with_code(cast: Cast) -> ContactMethod:
    made = added(cast)
    contact_test(contact=made, by=person(cast.responder))
    made.refresh_from_db()
    return made


def test_the_code_that_is_sent_confirms(cast: Cast, mail: Mail) -> None:
    made = with_code(cast)
    deliver_notifications()
    body = mail.mails[0].get_content()
    code = body.partition("Your code: ")[2][:6]
    assert contact_confirm(contact=made, code=Typed(f" {code} "), by=person(cast.responder))
    made.refresh_from_db()
    assert made.verified_at is not None


def test_neither_code_nor_address_is_kept_in_the_clear(cast: Cast, mail: Mail) -> None:
    made = with_code(cast)
    code = open_code(made)
    deliver_notifications()
    with connection.cursor() as cursor:
        for table in ("contactmethod", "notification", "notificationattempt"):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM incidents_{table} t")
            text = cursor.fetchone()[0]
            assert "ada@example.org" not in text
            assert code not in text
        cursor.execute("SELECT string_agg(convert_from(entry, 'UTF8'), ' ') FROM audit_event")
        assert "ada@example.org" not in cursor.fetchone()[0]


def test_a_wrong_code_confirms_nothing_and_counts(cast: Cast) -> None:
    made = with_code(cast)
    by = person(cast.responder)
    for _ in range(MOST_FAILURES):
        assert contact_confirm(contact=made, code=Typed("x"), by=by) is False
    with pytest.raises(Conflict, match="no longer taken"):
        contact_confirm(contact=made, code=Typed(open_code(made)), by=by)
    made.refresh_from_db()
    assert made.verified_at is None


def test_a_code_lasts_a_quarter_of_an_hour(cast: Cast) -> None:
    made = with_code(cast)

    def age() -> None:
        made.code_sent_at = made.code_sent_at.replace(year=2020)
        made.save()

    recorded(age)
    with pytest.raises(Conflict, match="no longer taken"):
        contact_confirm(contact=made, code=Typed(open_code(made)), by=person(cast.responder))


def test_tests_are_not_sent_one_after_the_other(cast: Cast) -> None:
    made = with_code(cast)
    with pytest.raises(RateLimitExceeded):
        contact_test(contact=made, by=person(cast.responder))


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email", "nobody"),
        ("email", "a@example.org\r\nBcc: eve@example.org"),
        ("slack", "@ada"),
        ("slack", "u012ab3cd"),
        ("pagerduty", "short"),
        ("sms", "+41000"),
        ("email", ""),
    ],
)
def test_an_address_that_is_none_is_refused_by_its_field(
    cast: Cast, kind: str, address: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        added(cast, kind, address)
    assert refusal.value.errors[0].field in {"address", "kind"}


def test_nobody_touches_another_persons(cast: Cast) -> None:
    made = with_code(cast)
    other = person(cast.commander)
    for act in (
        lambda: contact_add(
            contact=ContactMethod(user=cast.responder, kind="email"),
            address=Typed("eve@example.org"),
            by=other,
        ),
        lambda: contact_test(contact=made, by=other),
        lambda: contact_confirm(contact=made, code=Typed(open_code(made)), by=other),
        lambda: contact_remove(contact=made, by=other),
    ):
        with pytest.raises(NotFound):
            act()


def test_one_slack_account_is_one_person(cast: Cast) -> None:
    contact(cast.responder, "slack", "U012AB3CD")
    with pytest.raises(Conflict, match="Somebody else"):
        contact(cast.commander, "slack", "U012AB3CD")
    found = contact_of_slack_user("U012AB3CD")
    assert found is not None
    assert found.user == cast.responder


def test_who_is_known_in_slack_stays_known_when_the_secret_key_changes(
    cast: Cast, settings: Any
) -> None:
    made = contact(cast.responder, "slack", "U012AB3CD")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert contact_of_slack_user("U012AB3CD") == made
    assert open_address(made) == "U012AB3CD"


def test_an_unconfirmed_or_removed_one_names_nobody(cast: Cast) -> None:
    added(cast, "slack", "U0AAAAAAA")
    assert contact_of_slack_user("U0AAAAAAA") is None
    made = contact(cast.responder, "slack", "U012AB3CD")
    contact_remove(contact=made, by=person(cast.responder))
    assert contact_of_slack_user("U012AB3CD") is None
    made.refresh_from_db()
    assert bytes(made.sealed_address) == b""


def test_the_same_one_twice_and_too_many_are_refused(cast: Cast) -> None:
    added(cast)
    with pytest.raises(Conflict, match="already"):
        added(cast)
    for number in range(MOST - 1):
        added(cast, address=f"ada{number}@example.org")
    with pytest.raises(Conflict, match="enough"):
        added(cast, address="one-more@example.org")


def test_a_test_is_seen_by_its_owner_alone(cast: Cast) -> None:
    with_code(cast)
    assert Notification.objects.count() == 1
    seen = {
        name: notifications_visible_to(getattr(cast, name)).count()
        for name in ("responder", "commander", "administrator", "auditor")
    }
    assert seen == {"responder": 1, "commander": 0, "administrator": 0, "auditor": 0}


def test_erasing_a_person_takes_their_addresses(cast: Cast) -> None:
    made = contact(cast.responder, "email", "ada@example.org")
    recorded(lambda: [keeper.forget(cast.responder) for keeper in KEEPERS])
    made.refresh_from_db()
    assert bytes(made.sealed_address) == bytes(made.address_digest) == b""
    assert made.removed_at is not None


def test_a_broken_gate_adds_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    with pytest.raises(GovernanceFailure):
        added(cast)
    assert ContactMethod.objects.count() == 0


def test_a_broken_ledger_adds_nothing(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        with pytest.raises(AuditUnavailable):
            added(committed_cast)
    assert ContactMethod.objects.count() == 0
