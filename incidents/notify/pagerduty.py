"""Pages by PagerDuty Events v2. The dedup key is the incident's number: however often it is sent, it is
one incident there."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from incidents.notify.message import Envelope
from incidents.notify.story import Story
from incidents.notify.targets import admit
from portal.lib import pagerduty
from portal.lib.resilience import call

ROUTING_KEY = "routing key"
SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}
FOLLOW_UPS = {
    "acknowledged": "acknowledge",
    "resolved": "resolve",
    "closed": "resolve",
    "dismissed": "resolve",
}


def payload(envelope: Envelope) -> dict[str, Any]:
    message = envelope.message
    if action := FOLLOW_UPS.get(message.reason):
        return pagerduty.follow_up(action, envelope.dedup_key)
    details = {"text": envelope.text} if envelope.text else {}
    return pagerduty.trigger(
        envelope.dedup_key,
        message.headline,
        source=urlsplit(settings.ORIGIN).netloc,
        severity=SEVERITIES.get(message.severity, "info"),
        link=message.link,
        component=message.service,
        details={**dict(message.facts), **details},
    )


def send(envelope: Envelope, story: Story) -> str:
    """The dedup key, by which it is found there. Raises what `call` raises, and `Refused`."""
    event, url = payload(envelope), envelope.url or pagerduty.URL

    def attempt(timeout: float) -> str:
        with story.attempt() as tried:
            key = envelope.secret(ROUTING_KEY)
            reply = pagerduty.enqueue(url, key, event, timeout=timeout, admit=admit)
            tried.heard(reply)
            pagerduty.accepted(reply)
        return envelope.dedup_key

    return call("pagerduty", attempt).value
