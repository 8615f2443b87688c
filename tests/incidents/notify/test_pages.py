"""Pages and API of notifications: each shows what its reader may know of, and no more."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.gate import engine
from audit.models import User
from incidents.models import (
    Channel,
    ChannelSecret,
    ContactMethod,
    Incident,
    Notification,
    NotificationRule,
    Team,
)
from incidents.notify.vault import open_address, open_code, open_secret
from incidents.selectors.notifications import dead_count
from incidents.services.delivery import deliver_one
from incidents.tasks import deliver_notifications
from tests.fakes.pagerduty import PagerDuty
from tests.fakes.receiver import Receiver
from tests.incidents.api.calling import issued, signed_in, with_secret
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import restrict
from tests.incidents.notify.test_delivery import dead
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import ROUTING_KEY, channel, contact, service, team
from tests.people import Cast, with_second_factor

LIST = "/incidents/notification/"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, "audit.role_backend.RoleBackend")
    return with_second_factor(client, user)


def text(client: Client, path: str, **asked: Any) -> str:
    response = client.get(path, asked)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def story(notification: Notification) -> str:
    return reverse("incidents:notification", args=[notification.public_id])


def hidden(cast: Cast) -> Incident:
    return restrict(notified(cast, "P2", title="Nobody knows"), cast.commander)


def test_without_any_channel_the_page_shows_what_would_have_been_sent(cast: Cast) -> None:
    incident = notified(cast, service=service(team("Checkout")))
    page = browser(cast.responder)
    assert "Shown here only" in text(page, LIST)
    shown = text(page, story(Notification.objects.get()))
    assert "Below is what would have been sent." in shown
    assert f"[P1] {incident.number} Checkout fails" in shown
    assert "Checkout, by PagerDuty" in shown


def test_one_story_tells_every_attempt_and_no_secret(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    shown = text(browser(cast.commander), story(notification))
    assert "Given up" in shown
    assert "HTTP 400" in shown
    assert "invalid event" in shown
    assert "Send it again" in shown
    assert ROUTING_KEY not in shown
    assert "Send it again" not in text(browser(cast.responder), story(notification))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"state": "sent"}, 1),
        ({"state": "sink"}, 1),
        ({"state": "failing"}, 0),
        ({"kind": "pagerduty"}, 1),
        ({"reason": "escalated"}, 0),
        ({"state": "nonsense"}, 2),
    ],
)
def test_the_list_is_narrowed(
    cast: Cast, pagerduty: PagerDuty, asked: dict[str, str], found: int
) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    notified(cast)
    notified(cast, "P3")
    deliver_notifications()
    assert text(browser(cast.responder), LIST, **asked).count("data-row") == found


def test_the_list_is_narrowed_to_an_incident(cast: Cast) -> None:
    first, _second = notified(cast), notified(cast)
    page = browser(cast.responder)
    assert text(page, LIST, incident=first.number.lower()).count("data-row") == 1
    assert "like INC-1042" in text(page, LIST, incident="abc")


def test_a_restricted_incidents_notifications_do_not_exist_for_others(cast: Cast) -> None:
    incident = hidden(cast)
    notification = incident.notifications.get()
    assert text(browser(cast.commander), LIST).count("data-row") == 1
    for who in (cast.responder, cast.auditor):
        page = browser(who)
        assert text(page, LIST).count("data-row") == 0
        assert page.get(story(notification)).status_code == 404
        caller = signed_in(who)
        assert caller.get("notifications/").body["results"] == []
        assert caller.get(f"notifications/{notification.public_id}/").status == 404
        assert caller.post(f"notifications/{notification.public_id}/resend/", {}).status == 404


def test_the_badge_counts_only_what_one_may_know_of(cast: Cast, pagerduty: PagerDuty) -> None:
    incident = dead(cast, pagerduty).incident
    assert incident is not None
    restrict(incident, cast.commander)
    assert "notification" in text(browser(cast.commander), LIST)
    assert dead_count(cast.commander, most=10) == 1
    assert dead_count(User.objects.get(pk=cast.approver.pk), most=10) == 0


def test_pages_need_their_role(cast: Cast) -> None:
    notified(cast)
    notification = Notification.objects.get()
    page = browser(cast.outsider)
    for path in (LIST, story(notification), f"{story(notification)}resend/"):
        assert page.get(path).status_code == 404, path
    assert Client().get(LIST).status_code == 302


def test_it_is_sent_again_from_its_page(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    page = browser(cast.commander)
    assert page.post(f"{story(notification)}resend/").status_code == 302
    deliver_notifications()
    assert "Sent" in text(page, story(notification))
    again = page.post(f"{story(notification)}resend/")
    assert again.status_code == 409
    assert "no longer" in again.content.decode()


def test_it_is_set_aside_from_its_page_for_a_reason(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    page, path = browser(cast.commander), f"{story(notification)}set-aside/"
    assert page.post(path, {"reason": ""}).status_code == 400
    assert page.post(path, {"reason": "Called"}).status_code == 302
    assert "Set aside" in text(page, story(notification))


def test_the_war_room_says_who_was_told(cast: Cast, pagerduty: PagerDuty) -> None:
    channel("pagerduty", cast, url=pagerduty.url, name="Night pager")
    incident = notified(cast)
    page = browser(cast.responder)
    room = reverse("incidents:incident-detail", args=[incident.pk])
    live = reverse("incidents:incident-live", args=[incident.pk])
    assert "Night pager" in text(page, room)
    before = page.get(live)["ETag"]
    assert page.get(live, headers={"If-None-Match": before}).status_code == 304
    deliver_notifications()
    assert page.get(live, headers={"If-None-Match": before}).status_code == 200


@pytest.mark.parametrize("where", ["list", "room", "api"])
def test_a_page_costs_the_same_however_much_is_on_it(
    cast: Cast, where: str, pagerduty: PagerDuty
) -> None:
    contact(cast.responder, "email", "ada@example.org")
    of = service(team("Checkout", cast.responder))
    channel("pagerduty", cast, url=pagerduty.url)
    incident = notified(cast, service=of)
    paths = {
        "list": LIST,
        "room": reverse("incidents:incident-detail", args=[incident.pk]),
        "api": "/api/v1/notifications/",
    }
    page = browser(cast.responder)
    page.get(paths[where])

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(paths[where]).status_code == 200
        return len(captured)

    few = count()
    for _ in range(5):
        notified(cast, service=of)
    deliver_notifications()
    assert count() == few


def test_the_api_tells_the_story_too(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    caller = signed_in(cast.commander)
    (row,) = caller.get("notifications/?state=dead").body["results"]
    assert row["to"] == "pagerduty channel"
    one = caller.get(f"notifications/{notification.public_id}/").body
    assert [attempt["outcome"] for attempt in one["attempts"]] == ["refused"]
    assert ROUTING_KEY not in json.dumps(one)
    answer = caller.post(f"notifications/{notification.public_id}/resend/", {"reason": "Fixed"})
    assert (answer.status, answer.body["state"]) == (200, "pending")
    assert caller.get("notifications/?incident=INC-x").fields.keys() == {"incident"}
    assert caller.get("notifications/?state=x").fields.keys() == {"state"}


def test_the_api_takes_a_reason_to_set_aside(cast: Cast, pagerduty: PagerDuty) -> None:
    path = f"notifications/{dead(cast, pagerduty).public_id}/set-aside/"
    caller = signed_in(cast.commander)
    assert caller.post(path, {}).fields.keys() == {"reason"}
    assert caller.post(path, {"reason": "Called"}).body["state"] == "set_aside"
    assert caller.post(path, {"reason": "Called"}).code == "CONFLICT"


def test_a_token_needs_its_scope_and_its_person(cast: Cast, pagerduty: PagerDuty) -> None:
    path = f"notifications/{dead(cast, pagerduty).public_id}/"
    reads = with_secret(issued("incidents:read", user=cast.commander))
    assert reads.get(path).status == 200
    assert reads.post(f"{path}resend/", {}).code == "GOVERNANCE_DENIED"
    assert with_secret(issued("alerts:write")).get("notifications/").code == "GOVERNANCE_DENIED"
    writes = with_secret(issued("incidents:read", "incidents:write", user=cast.commander))
    assert writes.post(f"{path}resend/", {}).status == 200


# --- What administrators set up ----------------------------------------------------------------------


def typed(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Hook",
        "kind": "webhook",
        "url": "",
        "destination": "",
        "account": "",
        **fields,
    }


def test_a_channel_is_set_up_and_tested_from_its_pages(cast: Cast, receiver: Receiver) -> None:
    page = browser(cast.administrator)
    add = reverse("admin:incidents_channel_add")
    assert page.post(add, typed(url=receiver.url, is_enabled="on")).status_code == 302
    made = Channel.objects.get()
    refused = page.post(reverse("admin:incidents_channel_test", args=[made.pk]))
    assert refused.status_code == 409
    assert "needs the signing secret" in refused.content.decode()
    drawn = page.post(reverse("admin:incidents_channel_draw", args=[made.pk]))
    kept = ChannelSecret.objects.get()
    receiver.secret = open_secret(kept, made)
    assert receiver.secret in drawn.content.decode()
    sent = page.post(reverse("admin:incidents_channel_test", args=[made.pk]))
    assert sent.status_code == 302
    deliver_one()
    assert "Accepted" in text(page, sent.url)
    (taken,) = receiver.taken.values()
    assert taken["type"] == "channel.test"


def test_a_secret_is_set_and_never_shown(cast: Cast) -> None:
    made = channel("slack", cast)
    page = browser(cast.administrator)
    path = reverse("admin:incidents_channel_secret", args=[made.pk, "bot-token"])
    assert page.post(path, {"secret": "xoxb-new"}).status_code == 302
    shown = text(page, path) + text(page, reverse("admin:incidents_channel_change", args=[made.pk]))
    assert "xoxb-" not in shown.replace("Begins with xoxb-", "")
    assert open_secret(made.secrets.get(name="bot token"), made) == "xoxb-new"
    assert page.post(path, {"secret": "é"}).status_code == 400
    unknown = reverse("admin:incidents_channel_secret", args=[made.pk, "nothing"])
    assert page.get(unknown).status_code == 302


def test_a_webhooks_former_secret_signs_along_for_a_day(cast: Cast, receiver: Receiver) -> None:
    made = channel("webhook", cast, url=receiver.url)
    page = browser(cast.administrator)
    page.post(reverse("admin:incidents_channel_draw", args=[made.pk]))
    old = made.secrets.exclude(retires_at=None).get()
    new = made.secrets.get(retires_at=None)
    page.post(reverse("admin:incidents_channel_test", args=[made.pk]))
    deliver_one()
    (asked,) = receiver.asked
    assert receiver.is_genuine(asked)
    receiver.secret = open_secret(new, made)
    assert receiver.is_genuine(asked)
    assert (old.retires_at - new.set_at).days == 1
    page.post(reverse("admin:incidents_channel_draw", args=[made.pk]))
    assert made.secrets.count() == 2


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "url"),
        ({"url": "https://user:x@example.org/"}, "url"),
        ({"url": "https://example.org", "destination": "x"}, "destination"),
        ({"kind": "slack", "destination": "#general"}, "destination"),
        ({"kind": "jira", "url": "https://x.example", "account": "a@b.ch"}, "destination"),
        ({"kind": "jira", "url": "https://x.example", "destination": 'O" OR "'}, "destination"),
        ({"kind": "email", "destination": "nobody"}, "destination"),
    ],
)
def test_a_channel_that_could_not_work_is_refused_by_field(
    cast: Cast, fields: dict[str, str], wrong: str
) -> None:
    answer = browser(cast.administrator).post(
        reverse("admin:incidents_channel_add"), typed(**fields)
    )
    assert answer.status_code == 200
    assert wrong in answer.context["adminform"].form.errors
    assert not Channel.objects.exists()


@pytest.mark.parametrize("what", ["secret", "draw", "test"])
@pytest.mark.parametrize("how", ["role", "gate"])
def test_who_may_not_sets_and_tests_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    made = channel("webhook", cast, url="https://example.org")
    arguments = [made.pk, "signing-secret"] if what == "secret" else [made.pk]
    who = cast.commander if how == "role" else cast.administrator
    before = [bytes(kept.sealed) for kept in made.secrets.all()]
    page = browser(who)
    if how == "gate":
        monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    path = reverse(f"admin:incidents_channel_{what}", args=arguments)
    assert page.post(path, {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}).status_code == 403
    assert [bytes(kept.sealed) for kept in made.secrets.all()] == before
    assert Notification.objects.count() == 0


def test_teams_and_rules_are_set_up_by_administrators(cast: Cast) -> None:
    page = browser(cast.administrator)
    members = [cast.responder.pk, cast.commander.pk]
    data = {"name": "Checkout", "slug": "checkout", "members": members, "backup": ""}
    assert page.post(reverse("admin:incidents_team_add"), data).status_code == 302
    assert set(Team.objects.get().members.all()) == {cast.responder, cast.commander}
    rule = {"severity": "P3", "kinds": ["email", "slack"], "tells_people": "on"}
    assert page.post(reverse("admin:incidents_notificationrule_add"), rule).status_code == 302
    assert NotificationRule.objects.get().kinds == ["email", "slack"]
    shown = text(page, reverse("admin:incidents_notificationrule_changelist"))
    assert "P0 by PagerDuty, Webhook; P1 by PagerDuty, Webhook; P2 by Slack, Webhook" in shown
    for model in ("team", "channel", "notificationrule"):
        add = browser(cast.commander).get(reverse(f"admin:incidents_{model}_add"))
        assert add.status_code == 403


def test_ones_own_contact_methods_are_added_tested_and_removed(cast: Cast) -> None:
    page, home = browser(cast.responder), reverse("incidents:contact-methods")
    assert "data-draft" not in text(page, reverse("incidents:contact-add"))
    added = page.post(
        reverse("incidents:contact-add"), {"kind": "email", "address": "ada@example.org"}
    )
    made = ContactMethod.objects.get()
    assert added.url == reverse("incidents:contact-confirm", args=[made.pk])
    assert open_address(made) == "ada@example.org"
    assert "Not confirmed" in text(page, home)
    wrong = page.post(added.url, {"code": "000 00x"})
    assert wrong.status_code == 400
    made.refresh_from_db()
    assert page.post(added.url, {"code": open_code(made)}).url == home
    assert "Confirmed" in text(page, home)
    other = browser(cast.commander)
    for name in ("test", "confirm", "remove"):
        path = reverse(f"incidents:contact-{name}", args=[made.pk])
        assert other.get(path).status_code == 404
        assert other.post(path, {"code": "1"}).status_code == 404
    assert page.post(reverse("incidents:contact-remove", args=[made.pk])).url == home
    assert "ada@example.org" not in text(page, home)
