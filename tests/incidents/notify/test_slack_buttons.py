"""The button in Slack: only what Slack signed, only by a person that is known, only what they may."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from audit.gate import engine
from audit.models import Event
from incidents.models import Incident
from incidents.notify.slack_signature import is_signed, signature
from incidents.tasks import deliver_notifications
from tests.fakes.slack import SECRET, Slack, pressed, signed
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import recorded, restrict
from tests.incidents.making import opened
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import channel, contact
from tests.people import Cast

ME = "U012AB3CD"


def press(body: bytes, **headers: str) -> Any:
    return Client().post(
        "/slack/interactions",
        body,
        content_type="application/x-www-form-urlencoded",
        headers=headers or signed(body),
    )


@pytest.fixture
def incident(cast: Cast, slack: Slack) -> Incident:
    channel("slack", cast, url=slack.api)
    return notified(cast, "P2")


def test_the_signature_is_that_of_slacks_documentation() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    given = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signature(SECRET, "1531420618", body) == given
    known = {"timestamp": "1531420618", "given": given, "body": body}
    assert is_signed([SECRET], now=1531420618.0 + 299, **known)
    assert not is_signed([SECRET], now=1531420618.0 + 301, **known)
    assert not is_signed([SECRET], now=1531420618.0 - 301, **known)
    assert not is_signed(["another"], now=1531420618.0, **known)
    assert not is_signed([], now=1531420618.0, **known)


@pytest.mark.parametrize(
    ("timestamp", "given"),
    [("", ""), ("x", "v0=1"), ("-1", "v0="), ("1" * 40, "v0="), ("٣", "v0="), ("1531420618", "é")],
)
def test_headers_that_are_none_are_not_signed(timestamp: str, given: str) -> None:
    assert not is_signed([SECRET], timestamp=timestamp, given=given, body=b"", now=1531420618.0)


def test_who_presses_acknowledges_as_themselves(
    cast: Cast, slack: Slack, incident: Incident
) -> None:
    contact(cast.responder, "slack", ME)
    deliver_notifications()
    assert press(pressed(ME, incident.number)).status_code == 200
    incident.refresh_from_db()
    assert incident.state == "acknowledged"
    event = Event.objects.get(event="incident_acknowledged")
    assert event.actor == cast.principal("responder").recorded
    deliver_notifications()
    assert "Acknowledged" in slack.messages[-1]["text"]
    assert slack.whispers == []


def test_who_is_not_known_is_told_so_and_changes_nothing(
    cast: Cast, slack: Slack, incident: Incident
) -> None:
    answer = f"{slack.url}/actions/1"
    assert press(pressed(ME, incident.number, response_url=answer)).status_code == 200
    incident.refresh_from_db()
    assert incident.state == "notified"
    assert "does not know who you are" in slack.whispers[0]["text"]
    assert slack.whispers[0]["response_type"] == "ephemeral"


@pytest.mark.parametrize("who", ["outsider", "auditor"])
def test_who_may_not_is_refused_as_anywhere(
    cast: Cast, slack: Slack, incident: Incident, who: str
) -> None:
    contact(getattr(cast, who), "slack", ME)
    press(pressed(ME, incident.number, response_url=f"{slack.url}/actions/1"))
    incident.refresh_from_db()
    assert incident.state == "notified"
    assert len(slack.whispers) == 1


def test_a_second_press_changes_nothing(cast: Cast, slack: Slack, incident: Incident) -> None:
    contact(cast.responder, "slack", ME)
    for _ in range(2):
        press(pressed(ME, incident.number, response_url=f"{slack.url}/actions/1"))
    assert Event.objects.filter(event="incident_acknowledged").count() == 1
    assert "does not follow" in slack.whispers[0]["text"]


def test_a_restricted_incident_does_not_exist_for_who_was_not_let_in(
    cast: Cast, slack: Slack, incident: Incident
) -> None:
    contact(cast.responder, "slack", ME)
    restrict(incident, cast.commander)
    for number in (incident.number, "INC-999999", "x", ""):
        press(pressed(ME, number, response_url=f"{slack.url}/actions/1"))
    assert len({whisper["text"] for whisper in slack.whispers}) == 1
    incident.refresh_from_db()
    assert incident.state == "notified"


def test_a_broken_gate_acknowledges_nothing(
    cast: Cast, slack: Slack, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact(cast.responder, "slack", ME)
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    press(pressed(ME, incident.number, response_url=f"{slack.url}/actions/1"))
    incident.refresh_from_db()
    assert incident.state == "notified"
    assert "governance system failure" in slack.whispers[0]["text"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda _body: {},
        lambda body: signed(body, secret="another"),
        lambda body: signed(body + b"x"),
        lambda body: signed(body, at=time.time() - 600),
        lambda body: {**signed(body), "X-Slack-Signature": ""},
    ],
)
def test_what_slack_did_not_sign_is_not_even_read(
    cast: Cast, incident: Incident, forge: Any
) -> None:
    contact(cast.responder, "slack", ME)
    body = pressed(ME, incident.number)
    headers = forge(body) or {"X-Nothing": "1"}
    answer = press(body, **headers)
    assert answer.status_code == 401
    incident.refresh_from_db()
    assert incident.state == "notified"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=%7B",
        b"payload=[]",
        b"other=1",
        b"\xff",
        b"payload={}&payload={}",
    ],
)
def test_what_is_no_interaction_is_bad_input(cast: Cast, incident: Incident, body: bytes) -> None:
    answer = press(body, **signed(body))
    assert answer.status_code == 400


def test_answers_go_to_slack_and_nowhere_else(cast: Cast, slack: Slack, incident: Incident) -> None:
    elsewhere = f"{slack.url.replace('127.0.0.1', 'localhost')}/actions/1"
    press(pressed("U0NOBODY1", incident.number, response_url=elsewhere))
    assert slack.whispers == []


def test_other_buttons_and_channels_not_in_use_do_nothing(cast: Cast, slack: Slack) -> None:
    made = channel("slack", cast, url=slack.api)
    incident = notified(cast, "P2")
    contact(cast.responder, "slack", ME)
    assert press(pressed(ME, incident.number, action="open")).status_code == 200
    made.is_enabled = False
    recorded(made.save)
    assert press(pressed(ME, incident.number)).status_code == 401
    incident.refresh_from_db()
    assert incident.state == "notified"


def test_a_test_message_has_no_button(cast: Cast, slack: Slack) -> None:
    channel("slack", cast, url=slack.api)
    contact(cast.responder, "slack", ME)
    deliver_notifications()
    assert "acknowledge" not in json.dumps(slack.messages)
    assert opened(cast).state == "detected"
