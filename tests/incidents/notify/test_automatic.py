"""What a detector opens tells the team by itself where the rule says so; and tickets tell back."""

import pytest

from audit.gate import engine
from audit.models import Event
from audit.principal import client
from audit.rows import row_save
from incidents.ingest.types import NormalizedAlert
from incidents.models import NotificationRule, Ticket
from incidents.procedure import current_step
from incidents.selectors.checklists import checklist
from incidents.services.alerts import alerts_receive
from incidents.services.automatic import incident_notify_detected
from incidents.tasks import deliver_notifications, drain_receipts, notify_detected, read_tickets
from portal.lib.errors import AuditUnavailable, Conflict, GovernanceDenied
from tests.database import as_superuser
from tests.fakes.base import Says
from tests.fakes.jira import Jira
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import alert
from tests.incidents.making import move, opened
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import channel, told
from tests.people import TESTS, Cast


def test_a_page_goes_out_for_an_alert_with_nobody_awake(cast: Cast) -> None:
    channel("pagerduty", cast)
    incident = alert(cast, severity_text="P0")
    assert notify_detected() == 1
    incident.refresh_from_db()
    assert (incident.state, incident.version) == ("notified", 3)
    assert told(incident) == [("notified", "pagerduty", "pending")]
    assert incident.clock_legs.filter(kind="acknowledge", phase="running").exists()
    texts = list(incident.timeline.filter(kind="transition").values_list("text", flat=True))
    assert texts[:2] == [
        "Notified: at once, as the rule for its severity says",
        "Classified: by the severity mapping",
    ]
    assert Event.objects.filter(event="incident_notified").count() == 1
    assert [item.step for item in checklist(incident, current_step(incident.state))] == [4, 4]
    assert notify_detected() == 0


def test_what_a_person_reports_and_what_is_less_urgent_wait_for_a_person(cast: Cast) -> None:
    opened(cast, "P0")
    alert(cast, severity_text="P2")
    assert notify_detected() == 0


def test_what_is_over_before_anybody_looked_pages_nobody(cast: Cast) -> None:
    alert(cast, severity_text="P1")
    over = NormalizedAlert(dedup_key="k", summary="Boom", status="resolved")
    alerts_receive(source=cast.source, alerts=[over], body_sha256=bytes(32), by=client(cast.token))
    drain_receipts()
    assert notify_detected() == 0


def test_the_rule_is_the_administrators_to_change(cast: Cast) -> None:
    rule = NotificationRule(
        severity="P0",
        kinds=["pagerduty"],
        is_automatic=False,
        tells_backup=True,
        tells_people=True,
        escalates=True,
    )
    row_save(instance=rule, by=TESTS)
    incident = alert(cast, severity_text="P0")
    assert notify_detected() == 0
    with pytest.raises(Conflict):
        incident_notify_detected(incident=incident, by=TESTS)


def test_who_was_quicker_is_not_overruled(cast: Cast) -> None:
    incident = alert(cast, severity_text="P0")
    move(cast, incident, "classify")
    with pytest.raises(Conflict):
        incident_notify_detected(incident=incident, by=TESTS)


def test_no_person_does_it_by_hand(cast: Cast) -> None:
    incident = alert(cast, severity_text="P0")
    with pytest.raises(GovernanceDenied):
        incident_notify_detected(incident=incident, by=cast.principal("commander"))


def test_a_broken_gate_makes_it_wait(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = alert(cast, severity_text="P0")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_VOTERS", (BrokenVoter(),))
        assert notify_detected() == 0
    incident.refresh_from_db()
    assert incident.state == "detected"
    assert notify_detected() == 1


def test_a_broken_ledger_makes_it_wait(committed_cast: Cast) -> None:
    incident = alert(committed_cast, severity_text="P0")
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        with pytest.raises(AuditUnavailable):
            incident_notify_detected(incident=incident, by=TESTS)
    incident.refresh_from_db()
    assert (incident.state, told(incident)) == ("detected", [])


def test_a_tickets_status_is_told_on_the_timeline_when_it_changes(cast: Cast, jira: Jira) -> None:
    channel("jira", cast, url=jira.url)
    incident = notified(cast, "P3")
    deliver_notifications()
    assert read_tickets() == 1
    assert read_tickets() == 0
    jira.issues["OPS-1"]["status"] = {"name": "In Progress"}
    assert read_tickets() == 1
    texts = list(incident.timeline.filter(kind="notification").values_list("text", flat=True))
    assert texts == ["Ticket OPS-1: In Progress, was To Do", "Ticket OPS-1: To Do"]
    assert Event.objects.filter(event="ticket_status_changed").count() == 2


def test_a_jira_that_is_away_changes_nothing(cast: Cast, jira: Jira) -> None:
    channel("jira", cast, url=jira.url)
    notified(cast, "P3")
    deliver_notifications()
    for answers in ([Says(503, {})] * 4, [Says(401, {})], [Says(200, {"issues": [{}]})] * 4):
        jira.next.extend(answers)
        assert read_tickets() == 0
    assert Ticket.objects.get().status == ""


def test_tickets_of_incidents_that_are_over_are_left_alone(cast: Cast, jira: Jira) -> None:
    channel("jira", cast, url=jira.url)
    incident = notified(cast, "P3")
    deliver_notifications()
    move(cast, incident, "dismiss")
    deliver_notifications()
    asked = len(jira.asked)
    assert read_tickets() == 0
    assert len(jira.asked) == asked
