"""Buttons that are pressed in Slack. Who pressed is a person here once they have confirmed that Slack
account as theirs; what they do is then the same governed call as anywhere."""

import json
import re
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from audit.principal import person
from audit.secret_box import CannotOpen
from incidents.models import Channel, ContactMethod
from incidents.notify import slack
from incidents.notify.slack_signature import is_signed
from incidents.notify.vault import open_secret
from incidents.selectors import incident_get
from incidents.selectors.channels import contact_of_slack_user, with_secrets
from incidents.services.incidents import incident_transition
from portal.lib.body import read_body
from portal.lib.errors import (
    ApiTimeout,
    CircuitOpen,
    FieldError,
    NotAuthenticated,
    ValidationFailed,
    VigilError,
)
from portal.lib.resilience import Refused

LARGEST = 256 * 1024
# Of Slack's own answers; another installation's come from where its channel points.
ANSWERS = "hooks.slack.com"
UNKNOWN = (
    "Vigil does not know who you are in Slack. Add your member id there, under “My contact methods”,"
    " and confirm it."
)
_NUMBER = re.compile(r"INC-([0-9]{1,18})")

log = structlog.get_logger(__name__)


@method_decorator(csrf_exempt, name="dispatch")
class Interactions(View):
    """Slack's request URL for interactivity. Nothing is read before the signature is checked."""

    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_body(request, LARGEST)
        channels = self._check(request, body)
        pressed = _parsed(body)
        for action, value in pressed["actions"]:
            if action == slack.ACKNOWLEDGE and (said := _acknowledge(pressed["user"], value)):
                _whisper(channels, pressed["response_url"], said)
        return HttpResponse(status=HTTPStatus.OK)

    def _check(self, request: HttpRequest, body: bytes) -> list[Channel]:
        """Raises `NotAuthenticated` for what no channel's app has signed."""
        channels = list(with_secrets(Channel.objects.filter(kind="slack", is_enabled=True)))
        genuine = is_signed(
            _signing_secrets(channels),
            timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
            given=request.headers.get("X-Slack-Signature", ""),
            body=body,
            now=time.time(),
        )
        if not genuine:
            raise NotAuthenticated("This is not signed by Slack, or is too old.")
        return channels


def _signing_secrets(channels: list[Channel]) -> list[str]:
    found = []
    for channel in channels:
        for kept in channel.kept:  # type: ignore[attr-defined] # prefetched
            if kept.name == slack.SIGNING:
                try:
                    found.append(open_secret(kept, channel))
                except CannotOpen:
                    log.exception("secret_cannot_be_opened", channel=channel.name)
    return found


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        (payload,) = parse_qs(body.decode(), strict_parsing=True)["payload"]
        pressed = json.loads(payload)
        return {
            "user": str(pressed["user"]["id"]),
            "response_url": str(pressed.get("response_url", "")),
            "actions": [
                (str(action["action_id"]), str(action.get("value", "")))
                for action in pressed["actions"]
            ],
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        message = "must be a form with one payload of an interaction"
        raise ValidationFailed([FieldError("body", message)]) from error


def _acknowledge(slack_id: str, number: str) -> str:
    """What to tell whoever pressed; nothing where the thread says it."""
    contact: ContactMethod | None = contact_of_slack_user(slack_id)
    if contact is None:
        return UNKNOWN
    found = _NUMBER.fullmatch(number)
    try:
        incident = incident_get(contact.user, int(found[1]) if found else 0)
        incident_transition(incident=incident, name="acknowledge", by=person(contact.user))
    except VigilError as refusal:
        return refusal.message
    return ""


def _whisper(channels: list[Channel], url: str, said: str) -> None:
    """Fails open: what was decided stands, whether or not its answer arrives."""
    own = {urlsplit(channel.url).hostname for channel in channels if channel.url}
    parts = urlsplit(url)
    if parts.hostname != ANSWERS and parts.hostname not in own:
        return
    try:
        slack.whisper(url, said)
    except (ApiTimeout, CircuitOpen, Refused) as error:
        log.warning("slack_not_answered", error=str(error))
