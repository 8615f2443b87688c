"""Nothing that was to be sent is lost, or sent twice without need, whatever breaks on the way."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models.functions import Now

from audit.gate import engine, latch
from audit.models import Event
from incidents.models import Notification, NotificationAttempt
from incidents.notify import clients
from incidents.services import delivery
from incidents.services.delivery import (
    DELAYS,
    ROUNDS,
    deliver_one,
    notification_resend,
    notification_set_aside,
)
from incidents.tasks import deliver_notifications
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.database import as_superuser
from tests.fakes.base import Says
from tests.fakes.pagerduty import PagerDuty
from tests.fakes.receiver import Receiver
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import recorded
from tests.incidents.making import move
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import channel
from tests.people import Cast

State = Notification.State


def due_again() -> None:
    Notification.objects.filter(state=State.PENDING).update(retry_at=None, leased_until=None)


def waiting(cast: Cast, pagerduty: PagerDuty) -> Notification:
    channel("pagerduty", cast, url=pagerduty.url)
    notified(cast)
    return Notification.objects.get()


def dead(cast: Cast, pagerduty: PagerDuty) -> Notification:
    """Refused for good."""
    notification = waiting(cast, pagerduty)
    pagerduty.next.append(Says(400, {"status": "invalid event"}))
    deliver_notifications()
    notification.refresh_from_db()
    assert notification.state == State.DEAD
    return notification


def test_what_was_sent_is_on_record_with_its_story(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = waiting(cast, pagerduty)
    pagerduty.next.append(Says(503, {"message": "later"}))
    assert deliver_notifications() == 1
    notification.refresh_from_db()
    assert (notification.state, notification.rounds) == (State.SENT, 1)
    first, second = notification.attempts.all()
    assert (first.outcome, first.status, first.answer) == (
        "unavailable",
        503,
        '{"message": "later"}',
    )
    assert (second.outcome, second.status) == ("accepted", 202)
    assert Event.objects.latest("id").event == "notification_sent"


def test_a_round_that_fails_waits_ever_longer(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = waiting(cast, pagerduty)
    pagerduty.next.extend([Says(503, {})] * 4)
    deliver_notifications()
    notification.refresh_from_db()
    assert (notification.state, notification.rounds) == (State.PENDING, 1)
    assert notification.is_failing
    wait = Notification.objects.annotate(now=Now()).get().now
    assert DELAYS[0].total_seconds() - 5 < (notification.retry_at - wait).total_seconds() <= 30
    assert deliver_notifications() == 0


def test_what_asks_for_an_hour_is_left_alone_for_it(cast: Cast, receiver: Receiver) -> None:
    channel("webhook", cast, url=receiver.url)
    notified(cast)
    receiver.next.extend([Says(429, {}, {"Retry-After": "3600"})] * 4)
    deliver_notifications()
    failing = Notification.objects.annotate(now=Now()).get(kind="webhook")
    assert (failing.retry_at - failing.now).total_seconds() > 3500


def test_after_the_last_round_it_is_given_up_in_plain_sight(cast: Cast, receiver: Receiver) -> None:
    channel("webhook", cast, url=receiver.url)
    notified(cast)
    for _ in range(ROUNDS):
        assert Notification.objects.get(kind="webhook").state == State.PENDING
        receiver.next.extend([Says(500, {})] * 4)
        due_again()
        deliver_notifications()
    notification = Notification.objects.get(kind="webhook")
    assert notification.state == State.DEAD
    assert notification.attempts.count() == 4 * ROUNDS
    assert Event.objects.latest("id").event == "notification_given_up"


def test_what_is_refused_is_given_up_at_once(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    (attempt,) = notification.attempts.all()
    assert attempt.outcome == "refused"


def test_what_a_breaker_holds_back_costs_no_round(cast: Cast, pagerduty: PagerDuty) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    pagerduty.next.extend([Says(503, {})] * 4)
    for _ in range(2):
        notified(cast)
    deliver_notifications()
    first, second = Notification.objects.order_by("id")
    assert (first.rounds, second.rounds) == (1, 0)
    assert [attempt.outcome for attempt in second.attempts.all()] == ["held"]
    assert second.retry_at is not None


def test_to_one_addressee_about_one_incident_it_goes_in_order(
    cast: Cast, pagerduty: PagerDuty
) -> None:
    """An acknowledgement never overtakes the page, which still waits to be tried again."""
    channel("pagerduty", cast, url=pagerduty.url)
    incident = notified(cast)
    pagerduty.next.extend([Says(500, {})] * 4)
    deliver_notifications()
    move(cast, incident, "acknowledge")
    assert deliver_notifications() == 0
    assert pagerduty.events == []


def test_the_gravest_goes_first(cast: Cast, pagerduty: PagerDuty) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    for severity in ("P1", "P0"):
        notified(cast, severity)
    deliver_notifications()
    assert [event["payload"]["severity"] for event in pagerduty.events] == ["critical", "error"]


def test_a_crash_between_sending_and_noting_sends_it_again_as_the_same(
    cast: Cast, pagerduty: PagerDuty, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel("pagerduty", cast, url=pagerduty.url)
    channel("webhook", cast, url=receiver.url)
    incident = notified(cast)

    def dies(*_args: object) -> bool:
        raise SystemExit

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "_keep", dies)
            with pytest.raises(SystemExit):
                deliver_one()
    # Their leases hold until nobody can be at them any more.
    assert deliver_notifications() == 0
    due_again()
    assert deliver_notifications() == 2
    assert len(pagerduty.events) == 2
    assert len(pagerduty.open) == 1
    assert list(pagerduty.open) == [incident.number]
    assert len(receiver.asked) == 2
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("broken", ["gate", "ledger"])
def test_what_was_sent_is_not_sent_again_where_only_its_record_fails(
    committed_cast: Cast, pagerduty: PagerDuty, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    notification = waiting(committed_cast, pagerduty)
    if broken == "gate":
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_VOTERS", (BrokenVoter(),))
            deliver_notifications()
    else:
        with as_superuser() as superuser:
            superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
            deliver_notifications()
            superuser.execute("GRANT INSERT ON audit_event TO vigil_app")
    notification.refresh_from_db()
    assert notification.state == State.PENDING
    assert notification.accepted_at is not None
    due_again()
    deliver_notifications()
    notification.refresh_from_db()
    assert notification.state == State.SENT
    assert len(pagerduty.events) == 1


def test_people_are_paged_while_the_gate_is_latched(cast: Cast, pagerduty: PagerDuty) -> None:
    """That is when they are needed most."""
    notification = waiting(cast, pagerduty)
    latch.close("a test", {})
    deliver_notifications()
    notification.refresh_from_db()
    assert (notification.state, len(pagerduty.events)) == (State.SENT, 1)


def test_two_at_once_send_each_message_once(
    committed_cast: Cast, pagerduty: PagerDuty, settings: Any
) -> None:
    channel("pagerduty", committed_cast, url=pagerduty.url)
    for _ in range(6):
        notified(committed_cast)

    def work() -> None:
        try:
            while deliver_one():
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event["dedup_key"] for event in pagerduty.events) == sorted(pagerduty.open)
    assert len(pagerduty.events) == 6
    assert set(Notification.objects.values_list("state", flat=True)) == {State.SENT}


def test_who_has_lost_the_lease_notes_nothing(
    cast: Cast, pagerduty: PagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification = waiting(cast, pagerduty)
    send = clients.CLIENTS["pagerduty"].send

    def slow(*args: Any) -> str:
        Notification.objects.filter(pk=notification.pk).update(lease=None)
        return send(*args)

    client = clients.Client(slow, clients.CLIENTS["pagerduty"].payload, (), (), {})
    monkeypatch.setattr(delivery, "CLIENTS", {"pagerduty": client})
    assert deliver_one()
    notification.refresh_from_db()
    assert (notification.state, notification.accepted_at) == (State.PENDING, None)


def test_what_a_change_causes_goes_with_it(cast: Cast, pagerduty: PagerDuty) -> None:
    """The message and the step that causes it are one transaction."""
    channel("pagerduty", cast, url=pagerduty.url)
    incident = notified(cast)
    row = Notification.objects.get()
    assert row.event_id == Event.objects.get(event="incident_notified").pk
    assert incident.notifications.count() == 1


def test_what_was_given_up_is_sent_again_by_who_may(cast: Cast, pagerduty: PagerDuty) -> None:
    notification = dead(cast, pagerduty)
    notification_resend(notification=notification, by=cast.principal("commander"))
    deliver_notifications()
    notification.refresh_from_db()
    assert (notification.state, notification.resends) == (State.SENT, 1)
    assert notification.attempts.count() == 2
    with pytest.raises(Conflict):
        notification_resend(notification=notification, by=cast.principal("commander"))


def test_what_nobody_wants_any_more_is_set_aside_for_a_reason(
    cast: Cast, pagerduty: PagerDuty
) -> None:
    notification, by = dead(cast, pagerduty), cast.principal("commander")
    with pytest.raises(ValidationFailed):
        notification_set_aside(notification=notification, by=by, reason=" ")
    notification_set_aside(notification=notification, by=by, reason="They were called")
    notification.refresh_from_db()
    assert notification.state == State.SET_ASIDE
    assert deliver_notifications() == 0


def _resend(cast: Cast, notification: Notification, who: str) -> None:
    notification_resend(notification=notification, by=cast.principal(who))


def _set_aside(cast: Cast, notification: Notification, who: str) -> None:
    notification_set_aside(notification=notification, by=cast.principal(who), reason="r")


@pytest.mark.parametrize("act", [_resend, _set_aside])
def test_who_may_not_changes_nothing(cast: Cast, pagerduty: PagerDuty, act: Any) -> None:
    notification = dead(cast, pagerduty)
    for who in ("responder", "auditor", "outsider"):
        with pytest.raises(GovernanceDenied):
            act(cast, notification, who)
    notification.refresh_from_db()
    assert notification.state == State.DEAD


@pytest.mark.parametrize("act", [_resend, _set_aside])
def test_a_broken_gate_changes_nothing(
    cast: Cast, pagerduty: PagerDuty, monkeypatch: pytest.MonkeyPatch, act: Any
) -> None:
    notification = dead(cast, pagerduty)
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    with pytest.raises(GovernanceFailure):
        act(cast, notification, "commander")
    notification.refresh_from_db()
    assert notification.state == State.DEAD


@pytest.mark.parametrize("act", [_resend, _set_aside])
def test_a_broken_ledger_changes_nothing(
    committed_cast: Cast, pagerduty: PagerDuty, act: Any
) -> None:
    notification = dead(committed_cast, pagerduty)
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        with pytest.raises(AuditUnavailable):
            act(committed_cast, notification, "commander")
    notification.refresh_from_db()
    assert notification.state == State.DEAD


@pytest.mark.parametrize(
    "change",
    [{"message": {}}, {"addressee": "somebody"}, {"dedup_key": "x"}, {"state": State.DEAD}],
)
def test_the_database_keeps_what_was_said(
    cast: Cast, pagerduty: PagerDuty, change: dict[str, Any]
) -> None:
    notification = waiting(cast, pagerduty)
    deliver_notifications()
    rows = Notification.objects.filter(pk=notification.pk)
    with pytest.raises(IntegrityError, match="is kept"):
        recorded(lambda: rows.update(**change))
    with pytest.raises(IntegrityError, match="are kept"):
        recorded(lambda: rows._raw_delete(rows.db))


def test_an_attempt_is_kept_for_good(cast: Cast, pagerduty: PagerDuty) -> None:
    waiting(cast, pagerduty)
    deliver_notifications()
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        NotificationAttempt.objects.update(error="nothing happened")
