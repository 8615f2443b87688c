"""What each client makes of the ways in which the real services fail."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from incidents.notify import jira, slack, webhook
from incidents.notify.clients import CLIENTS
from incidents.notify.message import Envelope, Message
from incidents.notify.story import Story
from incidents.notify.targets import admit, problem_of
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Refused, deadline
from tests.fakes import jira as jira_fake
from tests.fakes import slack as slack_fake
from tests.fakes.base import Fake, Says
from tests.fakes.jira import Jira
from tests.fakes.mail import Mail
from tests.fakes.pagerduty import PagerDuty
from tests.fakes.receiver import Receiver
from tests.fakes.slack import Slack
from tests.incidents.telling import ROUTING_KEY, WEBHOOK_SECRET

MESSAGE = Message(
    reason="notified",
    label="Notified",
    title="Checkout fails",
    link="https://vigil.example.org/incidents/INC-1042/",
    at="2026-02-12T18:30:00+00:00",
    number="INC-1042",
    severity="P1",
    state="Notified",
)


@dataclass
class Way:
    kind: str
    fake: Fake
    envelope: Envelope

    def send(self) -> tuple[Story, str]:
        story = Story()
        return story, CLIENTS[self.kind].send(self.envelope, story)


def envelope(**fields: Any) -> Envelope:
    return Envelope(id="msg_1", message=MESSAGE, dedup_key="INC-1042", **fields)


@pytest.fixture(params=["pagerduty", "slack", "jira", "webhook"])
def way(
    request: pytest.FixtureRequest,
    pagerduty: PagerDuty,
    slack: Slack,
    jira: Jira,
    receiver: Receiver,
) -> Way:
    ways: dict[str, Any] = {
        "pagerduty": lambda: Way(
            "pagerduty",
            pagerduty,
            envelope(url=pagerduty.url, secrets={"routing key": [ROUTING_KEY]}),
        ),
        "slack": lambda: Way(
            "slack",
            slack,
            envelope(
                url=slack.api,
                destination="C012AB3CD",
                secrets={"bot token": [slack_fake.TOKEN]},
            ),
        ),
        "jira": lambda: Way(
            "jira",
            jira,
            envelope(
                url=jira.url,
                destination="OPS",
                account=jira_fake.ACCOUNT,
                secrets={"API token": [jira_fake.TOKEN]},
            ),
        ),
        "webhook": lambda: Way(
            "webhook",
            receiver,
            envelope(url=receiver.url, secrets={"signing secret": [WEBHOOK_SECRET]}),
        ),
    }
    return ways[request.param]()


def test_what_is_well_is_taken(way: Way) -> None:
    story, reference = way.send()
    assert reference
    assert {attempt.outcome for attempt in story.attempts} == {"accepted"}


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_is_down_for_a_moment_is_asked_again(
    way: Way, status: int, slept: list[float]
) -> None:
    way.fake.next.append(Says(status, {}))
    story, reference = way.send()
    assert reference
    assert story.attempts[0].outcome == "unavailable"
    assert story.attempts[0].status == status
    assert slept == [2.0]


def test_what_asks_for_patience_gets_it(way: Way, slept: list[float]) -> None:
    way.fake.next.append(Says(429, {}, {"Retry-After": "7"}))
    _story, reference = way.send()
    assert reference
    assert slept == [7.0]


def test_what_stays_down_is_given_up_after_four_attempts(way: Way) -> None:
    way.fake.next.extend([Says(503, {})] * 4)
    with pytest.raises(ApiTimeout):
        way.send()
    assert len(way.fake.asked) == 4


def test_what_hangs_is_cut_off_with_the_time_that_is_left(way: Way) -> None:
    way.fake.next.append(Says(200, {}, after=3.0))
    story = Story()
    with deadline.within(0.5), pytest.raises(ApiTimeout):
        CLIENTS[way.kind].send(way.envelope, story)
    (attempt,) = story.attempts
    assert (attempt.outcome, attempt.status) == ("unanswered", None)


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ("slack", b"<html>maintenance</html>"),
        ("slack", b"[]"),
        ("slack", b'{"ok": true}'),
        ("slack", b""),
        ("jira", b"<html>maintenance</html>"),
        ("jira", b"[]"),
        ("jira", b'{"issues": 3}'),
    ],
    indirect=["way"],
)
def test_an_answer_that_is_not_theirs_is_no_answer(way: Way, body: bytes) -> None:
    way.fake.next.append(Says(200, body))
    story, reference = way.send()
    assert reference
    assert len(story.attempts) > 1


@pytest.mark.parametrize("way", ["pagerduty", "slack", "jira"], indirect=True)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_final(way: Way, status: int) -> None:
    way.fake.next.append(Says(status, {"error": "no"}))
    with pytest.raises(Refused, match=str(status)):
        way.send()
    assert len(way.fake.asked) == 1


def test_secrets_stay_out_of_the_story(way: Way) -> None:
    secret = next(iter(way.envelope.secrets.values()))[0]
    way.fake.next.append(Says(500, {"you sent": secret}))
    story = Story(secrets=(secret,))
    CLIENTS[way.kind].send(way.envelope, story)
    assert secret not in repr(story.attempts)
    assert secret not in json.dumps(CLIENTS[way.kind].payload(way.envelope))
    assert secret not in repr(way.envelope)


def test_a_breaker_that_is_open_sends_nothing(slack: Slack) -> None:
    way = Way(
        "slack",
        slack,
        envelope(url=slack.api, destination="C012AB3CD", secrets={"bot token": [slack_fake.TOKEN]}),
    )
    slack.next.extend([Says(503, {})] * 4)
    with pytest.raises(ApiTimeout):
        way.send()
    with pytest.raises(CircuitOpen):
        way.send()
    assert len(slack.asked) == 4


def test_slack_says_in_words_what_is_final(slack: Slack) -> None:
    gone = envelope(url=slack.api, destination="C999", secrets={"bot token": [slack_fake.TOKEN]})
    with pytest.raises(Refused, match="channel_not_found"):
        CLIENTS["slack"].send(gone, Story())
    slack.next.append(Says(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"}))
    slack.channels.add("C999")
    assert CLIENTS["slack"].send(gone, Story())


def test_a_receiver_that_is_gone_is_not_asked_again(receiver: Receiver) -> None:
    receiver.next.append(Says(410, {}))
    to = envelope(url=receiver.url, secrets={"signing secret": [WEBHOOK_SECRET]})
    with pytest.raises(Refused, match="410"):
        CLIENTS["webhook"].send(to, Story())
    assert len(receiver.asked) == 1


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.next.extend([Says(302, {}, {"Location": receiver.url})] * 4)
    to = envelope(url=receiver.url, secrets={"signing secret": [WEBHOOK_SECRET]})
    with pytest.raises(ApiTimeout):
        CLIENTS["webhook"].send(to, Story())
    assert receiver.taken == {}


def test_while_a_secret_changes_either_is_good_and_the_id_stays(receiver: Receiver) -> None:
    new = webhook.new_secret()
    receiver.next.append(Says(500, {}))
    to = envelope(url=receiver.url, secrets={"signing secret": [new, WEBHOOK_SECRET]})
    CLIENTS["webhook"].send(to, Story())
    assert len(receiver.taken) == 1
    receiver.secret = new
    assert receiver.is_genuine(receiver.asked[-1])
    assert {asked.headers["webhook-id"] for asked in receiver.asked} == {"msg_1"}


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    body = b'{"test": 2432232314}'
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = webhook.signature(secret, message_id, 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_???", "whsec_" + "A" * 100])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"base64|bytes"):
        webhook.key_of(secret)


def test_a_lost_answer_makes_no_second_ticket(jira: Jira) -> None:
    to = envelope(
        url=jira.url,
        destination="OPS",
        account=jira_fake.ACCOUNT,
        secrets={"API token": [jira_fake.TOKEN]},
    )
    assert CLIENTS["jira"].send(to, Story()) == CLIENTS["jira"].send(to, Story())
    assert len(jira.issues) == 1


def test_mail_that_nobody_has_is_refused_and_a_busy_server_asked_again(mail: Mail) -> None:
    to = envelope(destination="ada@example.org")
    mail.next.append("550 no such user")
    with pytest.raises(Refused, match="550"):
        CLIENTS["email"].send(to, Story())
    mail.next.append("451 try later")
    story = Story()
    CLIENTS["email"].send(to, story)
    assert [attempt.outcome for attempt in story.attempts] == ["unanswered", "accepted"]
    assert story.attempts[0].status == 451


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.1.2.3"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fd00::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::"),
    ],
)
def test_networks_of_ones_own_are_not_reached(address: str, settings: Any) -> None:
    settings.NOTIFY_NETWORKS = []
    with pytest.raises(Refused, match="not a public address"):
        admit(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::6810:84e5"])
def test_the_public_is_reached(address: str, settings: Any) -> None:
    settings.NOTIFY_NETWORKS = []
    admit(address)


def test_a_name_that_means_this_machine_is_not_connected_to(
    receiver: Receiver, settings: Any
) -> None:
    settings.NOTIFY_NETWORKS = []
    url = receiver.url.replace("127.0.0.1", "localhost")
    to = envelope(url=url, secrets={"signing secret": [WEBHOOK_SECRET]})
    with pytest.raises(Refused, match="not a public address"):
        CLIENTS["webhook"].send(to, Story())
    assert receiver.asked == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org", "Only https"),
        ("https://user:pass@example.org", "no user name"),
        ("https://example.org:99999/", "no URL"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org/hook?a=b", ""),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, says: str, settings: Any) -> None:
    settings.NOTIFY_NETWORKS = []
    assert says in problem_of(url)
    assert bool(problem_of(url)) is bool(says)


def test_slack_and_jira_say_what_they_send(slack: Slack, jira: Jira) -> None:
    hostile = Envelope(
        id="m",
        message=Message(**{**MESSAGE.to_json(), "title": "<!channel> & <https://evil|x>"}),
        dedup_key="INC-1042",
        destination="OPS",
    )
    shown = json.dumps(slack_payload(hostile))
    assert "&lt;!channel&gt; &amp;" in shown
    assert '"mrkdwn"' not in shown
    assert jira_payload(hostile)["fields"]["description"]["type"] == "doc"


slack_payload, jira_payload = slack.payload, jira.payload
