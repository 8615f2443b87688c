"""PagerDuty's Events API v2: what an event looks like, and one way to hand it over.

It is called within `call`, by whoever has a policy for it. Handing over the same event twice does no
harm: events with one dedup key are one incident there.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from portal.lib.resilience import http

URL = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY, LONGEST_KEY = 1024, 255


def trigger(  # noqa: PLR0913 - the parts of an event
    dedup_key: str,
    summary: str,
    *,
    source: str,
    severity: str,
    link: str,
    component: str = "",
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`severity` is critical, error, warning or info; `link` is where people go on."""
    return {
        "event_action": "trigger",
        "dedup_key": dedup_key[-LONGEST_KEY:],
        "client": "Vigil",
        "client_url": link,
        "payload": {
            "summary": summary[:LONGEST_SUMMARY],
            "source": source,
            "severity": severity,
            **({"component": component} if component else {}),
            "custom_details": dict(details or {}),
        },
    }


def follow_up(action: str, dedup_key: str) -> dict[str, Any]:
    """`action` is acknowledge or resolve."""
    return {"event_action": action, "dedup_key": dedup_key[-LONGEST_KEY:]}


def enqueue(
    url: str,
    routing_key: str,
    event: Mapping[str, Any],
    *,
    timeout: float,
    admit: Callable[[str], object] | None = None,
) -> http.Reply:
    """What it answers, whatever that is: `accepted` says what it means."""
    body = json.dumps({"routing_key": routing_key, **event}).encode()
    headers = {"Content-Type": "application/json"}
    return http.request("POST", url, timeout=timeout, body=body, headers=headers, admit=admit)


def accepted(reply: http.Reply) -> None:
    """Raises `Unavailable` or `Refused` where it did not take the event."""
    reply.expect(HTTPStatus.ACCEPTED)
