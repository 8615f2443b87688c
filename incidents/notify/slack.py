"""Slack's Web API: one message an incident, with a button to acknowledge; later words go in its thread.

Text is sent as `plain_text`, in which nothing is a mention or a link; what goes along for notifications
is escaped.
"""

import json
from http import HTTPStatus
from typing import Any

from incidents.notify.message import Envelope
from incidents.notify.story import Story
from incidents.notify.targets import admit
from portal.lib.resilience import Refused, Unavailable, call, http

BOT_TOKEN, SIGNING = "bot token", "signing secret"
API = "https://slack.com/api"
ACKNOWLEDGE = "acknowledge"
LONGEST_TEXT = 2_900
# What is over in a while; any other error stays as it is until somebody changes something.
LATER = {
    *("ratelimited", "rate_limited", "internal_error", "fatal_error"),
    *("service_unavailable", "request_timeout", "team_added_to_org"),
}


def payload(envelope: Envelope) -> dict[str, Any]:
    message = envelope.message
    blocks: list[dict[str, Any]] = [_section(message.headline)]
    if envelope.text:
        blocks.append(_section(envelope.text))
    if facts := " · ".join(f"{name}: {value}" for name, value in message.facts):
        blocks.append({"type": "context", "elements": [_plain(facts)]})
    if buttons := _buttons(envelope):
        blocks.append({"type": "actions", "elements": buttons})
    return {
        "channel": envelope.destination,
        "text": _escaped(message.headline),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
        **({"thread_ts": envelope.thread} if envelope.thread else {}),
    }


def send(envelope: Envelope, story: Story) -> str:
    """The message's `ts`, which is its thread's. Raises what `call` raises, and `Refused`."""
    body = json.dumps(payload(envelope)).encode()
    url = f"{(envelope.url or API).rstrip('/')}/chat.postMessage"

    def attempt(timeout: float) -> str:
        headers = {
            "Authorization": f"Bearer {envelope.secret(BOT_TOKEN)}",
            "Content-Type": "application/json; charset=utf-8",
        }
        with story.attempt() as tried:
            reply = http.request(
                "POST", url, timeout=timeout, body=body, headers=headers, admit=admit
            )
            tried.heard(reply)
            return _posted(reply)

    return call("slack", attempt).value


def whisper(url: str, text: str) -> None:
    """Answers whoever pressed a button, visible to them alone. Raises what `call` raises."""
    body = json.dumps(
        {"response_type": "ephemeral", "replace_original": False, "text": _escaped(text)}
    ).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}

    def attempt(timeout: float) -> None:
        reply = http.request("POST", url, timeout=timeout, body=body, headers=headers, admit=admit)
        reply.expect(HTTPStatus.OK)

    call("slack", attempt)


def _posted(reply: http.Reply) -> str:
    """Slack says whether it worked in the body of a 200."""
    reply.expect(HTTPStatus.OK)
    try:
        answer = json.loads(reply.body)
        is_ok, error, ts = answer["ok"], str(answer.get("error", "")), str(answer.get("ts", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
        raise Unavailable("an answer that is not Slack's") from unreadable
    if is_ok and ts:
        return ts
    if error in LATER or is_ok:
        raise Unavailable(f"Slack: {error or 'no ts'}", retry_after=reply.retry_after)
    raise Refused(f"Slack: {error}")


def _buttons(envelope: Envelope) -> list[dict[str, Any]]:
    message = envelope.message
    if not message.number:
        return []
    opens = {"type": "button", "text": _plain("Open"), "url": message.link, "action_id": "open"}
    if envelope.thread or message.reason not in {"notified", "escalated"}:
        return [opens]
    acknowledges = {
        "type": "button",
        "style": "primary",
        "text": _plain("Acknowledge"),
        "action_id": ACKNOWLEDGE,
        "value": message.number,
    }
    return [acknowledges, opens]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:LONGEST_TEXT], "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
