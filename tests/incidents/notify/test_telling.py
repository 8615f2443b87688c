"""Who is told of what: by severity, team and what happened; and what each service is sent."""

import json
from typing import Any

import pytest

from audit.models import Event
from audit.rows import row_save
from incidents.models import Incident, Notification, NotificationRule, Ticket
from incidents.services.incidents import incident_change_severity
from incidents.services.publishing import status_update
from incidents.severity import Severity
from incidents.tasks import deliver_notifications
from tests.fakes.jira import Jira
from tests.fakes.mail import Mail
from tests.fakes.pagerduty import PagerDuty
from tests.fakes.receiver import Receiver
from tests.fakes.slack import Slack
from tests.incidents.arranging import restrict
from tests.incidents.making import move, opened
from tests.incidents.telling import channel, contact, service, team, told
from tests.people import TESTS, Cast


def notified(cast: Cast, severity: str = "P1", **fields: object) -> Incident:
    incident = opened(cast, severity, **fields)
    for name in ("classify", "notify"):
        incident = move(cast, incident, name)
    return incident


@pytest.mark.parametrize(
    ("severity", "kind"),
    [("P0", "pagerduty"), ("P1", "pagerduty"), ("P2", "slack"), ("P3", "jira")],
)
def test_the_standard_says_by_what_each_severity_is_told(
    cast: Cast, severity: str, kind: str
) -> None:
    for each in ("pagerduty", "slack", "jira", "email"):
        url = "https://example.org" if each == "jira" else ""
        channel(each, cast, url=url)
    assert told(notified(cast, severity)) == [("notified", kind, "pending")]


@pytest.mark.parametrize(
    ("severity", "kind"), [("P0", "pagerduty"), ("P2", "slack"), ("P3", "jira")]
)
def test_what_nobody_can_be_told_by_is_shown_instead(cast: Cast, severity: str, kind: str) -> None:
    incident = notified(cast, severity)
    assert told(incident) == [("notified", kind, "sink")]
    assert Notification.objects.get().addressee == "whoever is on call"
    assert deliver_notifications() == 0


def test_a_channel_without_its_secret_is_no_way_out(cast: Cast) -> None:
    made = channel("pagerduty", cast)
    row_save(instance=made, related=lambda: made.secrets.all().delete(), by=TESTS)
    assert told(notified(cast)) == [("notified", "pagerduty", "sink")]


def test_an_incident_is_one_incident_in_pagerduty_through_its_whole_life(
    cast: Cast, pagerduty: PagerDuty
) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    incident = notified(cast)
    deliver_notifications()
    (event,) = pagerduty.events
    assert event["dedup_key"] == incident.number
    assert event["payload"]["summary"] == f"[P1] {incident.number} Checkout fails"
    assert event["payload"]["severity"] == "error"
    assert event["client_url"].endswith(f"/incidents/{incident.number}/")
    move(cast, incident, "acknowledge")
    deliver_notifications()
    assert pagerduty.acknowledged == {incident.number}
    incident.refresh_from_db()
    move(cast, incident, "dismiss")
    deliver_notifications()
    assert pagerduty.open == {}
    assert [state for _, _, state in told(incident)] == ["sent"] * 3


def test_slack_gets_one_message_and_what_follows_in_its_thread(cast: Cast, slack: Slack) -> None:
    channel("slack", cast, url=slack.api)
    incident = notified(cast, "P2")
    deliver_notifications()
    move(cast, incident, "acknowledge", reason="<!channel> on it & done")
    status_update(incident=incident, by=cast.principal("commander"), text="Half of it is back")
    deliver_notifications()
    first, *later = slack.messages
    buttons = first["blocks"][-1]["elements"]
    assert [button["action_id"] for button in buttons] == ["acknowledge", "open"]
    assert buttons[0]["value"] == incident.number
    assert {message["thread_ts"] for message in later} == {first["ts"]}
    assert "acknowledge" not in json.dumps([m["blocks"][-1] for m in later])
    texts = [block["text"] for m in later for block in m["blocks"] if block["type"] == "section"]
    assert {text["type"] for text in texts} == {"plain_text"}
    assert "Half of it is back" in {text["text"] for text in texts}


def test_a_ticket_is_made_once_and_commented_after(cast: Cast, jira: Jira) -> None:
    channel("jira", cast, url=jira.url)
    incident = notified(cast, "P3")
    deliver_notifications()
    move(cast, incident, "acknowledge", reason="Mine")
    deliver_notifications()
    ((key, issue),) = jira.issues.items()
    assert issue["summary"] == f"[P3] {incident.number} Checkout fails"
    assert issue["labels"] == ["vigil", f"vigil-{incident.number.lower()}", "vigil-p3"]
    assert "Mine" in json.dumps(jira.comments[key])
    assert Ticket.objects.get().key == key


def test_a_webhook_is_told_everything_and_signed(cast: Cast, receiver: Receiver) -> None:
    channel("webhook", cast, url=f"{receiver.url}/hook")
    incident = notified(cast, "P3")
    move(cast, incident, "acknowledge")
    deliver_notifications()
    first, second = receiver.taken.values()
    assert [first["type"], second["type"]] == ["incident.notified", "incident.acknowledged"]
    assert first["data"]["number"] == incident.number
    assert {type_ for _, type_, _ in told(incident)} == {"jira", "webhook"}


def test_members_are_told_in_person_by_what_they_have_confirmed(cast: Cast, mail: Mail) -> None:
    contact(cast.responder, "email", "ada@example.org")
    contact(cast.outsider, "email", "eve@example.org")
    of = service(team("Checkout", cast.responder))
    deliver_notifications()
    mail.recipients.clear()
    notified(cast, "P1", service=of)
    deliver_notifications()
    assert mail.recipients == ["ada@example.org"]
    subject = mail.mails[-1]["Subject"]
    assert "Checkout fails" in subject


def test_the_backup_is_told_at_once_where_the_rule_says_so(cast: Cast) -> None:
    backup = team("Platform")
    of = service(team("Checkout", backup=backup))
    channel("pagerduty", cast, name="Platform pager", team=backup)
    channel("pagerduty", cast, name="Shared pager")
    incident = notified(cast, "P0", service=of)
    names = set(incident.notifications.values_list("addressee", flat=True))
    assert names == {"Platform pager", "Shared pager"}


def test_a_team_with_a_channel_of_its_own_leaves_the_shared_one_alone(cast: Cast) -> None:
    mine = team("Checkout")
    channel("pagerduty", cast, name="Checkout pager", team=mine)
    channel("pagerduty", cast, name="Shared pager")
    incident = notified(cast, "P1", service=service(mine))
    assert [row.addressee for row in incident.notifications.all()] == ["Checkout pager"]


def test_a_raised_severity_pages_who_was_not_told_before(
    cast: Cast, pagerduty: PagerDuty, slack: Slack
) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    channel("slack", cast, url=slack.api)
    incident = notified(cast, "P2")
    assert told(incident) == [("notified", "slack", "pending")]
    incident_change_severity(
        incident=incident,
        by=cast.principal("commander"),
        severity=Severity.P0,
        reason="All of it is down",
    )
    deliver_notifications()
    assert told(incident) == [
        ("notified", "slack", "sent"),
        ("severity_changed", "slack", "sent"),
        ("notified", "pagerduty", "sent"),
    ]
    assert pagerduty.events[0]["payload"]["severity"] == "critical"


def test_before_the_step_of_notification_nobody_is_told(cast: Cast) -> None:
    incident = opened(cast, "P2")
    status_update(incident=incident, by=cast.principal("commander"), text="Looking")
    incident_change_severity(
        incident=incident,
        by=cast.principal("commander"),
        severity=Severity.P1,
        reason="Worse",
    )
    assert told(incident) == []


def test_a_rule_of_ones_own_holds_in_place_of_the_standard(cast: Cast) -> None:
    rule = NotificationRule(
        severity="P3",
        kinds=["email"],
        tells_backup=False,
        tells_people=False,
        is_automatic=False,
        escalates=False,
    )
    row_save(instance=rule, by=TESTS)
    assert told(notified(cast, "P3")) == [("notified", "email", "sink")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_of_a_restricted_incident_nothing_is_said_but_number_and_severity(
    cast: Cast, slack: Slack, receiver: Receiver, when: str
) -> None:
    """Also where it is restricted while the message waits."""
    channel("slack", cast, url=slack.api)
    channel("webhook", cast, url=receiver.url)
    incident = opened(cast, "P2", title="Keys of the vault copied")
    if when == "before":
        restrict(incident, cast.commander)
    for name in ("classify", "notify", "acknowledge"):
        incident = move(cast, incident, name, reason="by a thief")
    if when == "after":
        restrict(incident, cast.commander)
    deliver_notifications()
    said = json.dumps([slack.messages, list(receiver.taken.values())])
    assert incident.number in said
    assert "P2" in said
    assert "vault" not in said
    assert "thief" not in said


def test_a_subject_holds_no_header(cast: Cast, mail: Mail) -> None:
    channel("email", cast)
    rule = NotificationRule(
        severity="P3",
        kinds=["email"],
        tells_backup=False,
        tells_people=False,
        is_automatic=False,
        escalates=False,
    )
    row_save(instance=rule, by=TESTS)
    notified(cast, "P3", title="Disk\r\nBcc: eve@example.org\r\n\r\nfull\u2028now")
    deliver_notifications()
    (taken,) = mail.mails
    assert mail.recipients == ["oncall@example.org"]
    assert taken["Bcc"] is None
    assert "Disk Bcc: eve@example.org full now" in taken["Subject"]


def test_mail_about_one_incident_is_one_conversation(cast: Cast, mail: Mail) -> None:
    channel("email", cast)
    rule = NotificationRule(
        severity="P3",
        kinds=["email"],
        tells_backup=False,
        tells_people=False,
        is_automatic=False,
        escalates=False,
    )
    row_save(instance=rule, by=TESTS)
    incident = notified(cast, "P3")
    move(cast, incident, "acknowledge")
    deliver_notifications()
    first, second = mail.mails
    assert second["In-Reply-To"] == first["Message-ID"]


def test_who_is_told_is_on_record_with_the_step_that_tells(cast: Cast) -> None:
    channel("pagerduty", cast)
    notified(cast)
    event = Event.objects.filter(event="incident_notified").latest("id")
    data: Any = json.loads(bytes(event.entry))
    assert data["data"]["told"] == {"notified": {"pagerduty (pending)": 1}}
    assert "incidents_notification" in json.dumps(data["changes"])
