"""Jira Cloud, REST v3: one ticket an incident, with comments for what follows, and its status back.

A ticket carries the incident's number as a label, by which it is looked for before one is made: an
attempt of which nothing is known makes no second one.
"""

import base64
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from incidents.notify.message import Envelope
from incidents.notify.story import Story
from incidents.notify.targets import admit
from portal.lib.resilience import Unavailable, call, http

API_TOKEN = "API token"  # noqa: S105 - its name
ISSUE_TYPE = "Task"
LONGEST_SUMMARY = 250
Json = dict[str, Any]


def payload(envelope: Envelope) -> Json:
    """Of a new ticket, or of a comment on the one that is there."""
    if envelope.thread:
        return {"body": _document(envelope)}
    message = envelope.message
    labels = ["vigil", label_of(envelope)]
    if message.severity:
        labels.append(f"vigil-{message.severity.lower()}")
    return {
        "fields": {
            "project": {"key": envelope.destination},
            "issuetype": {"name": ISSUE_TYPE},
            "summary": message.headline[:LONGEST_SUMMARY],
            "description": _document(envelope),
            "labels": labels,
        }
    }


def label_of(envelope: Envelope) -> str:
    return f"vigil-{envelope.dedup_key.lower()}"


def send(envelope: Envelope, story: Story) -> str:
    """The ticket's key. Raises what `call` raises, and `Refused`."""

    def attempt(timeout: float) -> str:
        if envelope.thread:
            path = f"issue/{envelope.thread}/comment"
            _ask(
                envelope, story, path, payload(envelope), timeout=timeout, wanted=HTTPStatus.CREATED
            )
            return envelope.thread
        jql = f'project = "{envelope.destination}" AND labels = "{label_of(envelope)}"'
        query = {"jql": jql, "fields": ["summary"], "maxResults": 1}
        known = _ask(envelope, story, "search/jql", query, timeout=timeout, wanted=HTTPStatus.OK)
        if issues := _issues(known):
            return str(issues[0]["key"])
        made = _ask(
            envelope, story, "issue", payload(envelope), timeout=timeout, wanted=HTTPStatus.CREATED
        )
        if not made.get("key"):
            raise Unavailable("a ticket without a key")
        return str(made["key"])

    return call("jira", attempt).value


def statuses(envelope: Envelope, keys: Sequence[str]) -> dict[str, str]:
    """By key, of those that are there. Raises what `call` raises, and `Refused`."""
    jql = f"key in ({', '.join(json.dumps(key) for key in keys)})"
    query = {"jql": jql, "fields": ["status"], "maxResults": len(keys)}

    def attempt(timeout: float) -> dict[str, str]:
        found = _ask(envelope, Story(), "search/jql", query, timeout=timeout, wanted=HTTPStatus.OK)
        try:
            return {
                str(issue["key"]): str(issue["fields"]["status"]["name"])
                for issue in _issues(found)
            }
        except (KeyError, TypeError) as error:
            raise Unavailable("a ticket without a status") from error

    return call("jira", attempt).value


def _ask(  # noqa: PLR0913 - the parts of a request
    envelope: Envelope, story: Story, path: str, body: Json, *, timeout: float, wanted: int
) -> Json:
    login = f"{envelope.account}:{envelope.secret(API_TOKEN)}".encode()
    headers = {
        "Authorization": f"Basic {base64.b64encode(login).decode()}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    url = f"{envelope.url.rstrip('/')}/rest/api/3/{path}"
    with story.attempt() as tried:
        reply = http.request(
            "POST",
            url,
            timeout=timeout,
            body=json.dumps(body).encode(),
            headers=headers,
            admit=admit,
        )
        tried.heard(reply)
        reply.expect(wanted)
        try:
            answer = json.loads(reply.body)
        except ValueError as error:
            raise Unavailable("an answer that is not Jira's") from error
        if not isinstance(answer, dict):
            raise Unavailable("an answer that is not Jira's")
    return answer


def _issues(answer: Json) -> list[Json]:
    issues = answer.get("issues", [])
    if not isinstance(issues, list):
        raise Unavailable("an answer that is not Jira's")
    return issues


def _document(envelope: Envelope) -> Json:
    """In Atlassian's document format: paragraphs of plain text, and a link."""
    message = envelope.message
    facts = ", ".join(f"{name}: {value}" for name, value in message.facts)
    lines = [message.headline, facts, *envelope.text.split("\n")]
    content = [_paragraph({"type": "text", "text": line}) for line in lines if line.strip()]
    link = {"type": "link", "attrs": {"href": message.link}}
    content.append(_paragraph({"type": "text", "text": message.link, "marks": [link]}))
    return {"type": "doc", "version": 1, "content": content}


def _paragraph(text: Json) -> Json:
    return {"type": "paragraph", "content": [text]}
