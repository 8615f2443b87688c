"""The clients by kind of channel, and what each needs of its channel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from incidents.notify import email, jira, pagerduty, slack, webhook
from incidents.notify.message import Envelope
from incidents.notify.story import Story


@dataclass(frozen=True, slots=True)
class Secret:
    """`help` is for whoever sets it. One that is not needed to send may be missing."""

    help: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """`send` returns what the receiver calls the message; `payload` is what it sends, without secrets.
    `needs` are the fields of the channel that it cannot do without, `takes` those that it may have."""

    send: Callable[[Envelope, Story], str]
    payload: Callable[[Envelope], dict[str, Any]]
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    secrets: Mapping[str, Secret]


CLIENTS: Mapping[str, Client] = {
    "pagerduty": Client(
        pagerduty.send,
        pagerduty.payload,
        needs=(),
        takes=("url",),
        secrets={pagerduty.ROUTING_KEY: Secret("The integration key of an Events API v2 service.")},
    ),
    "slack": Client(
        slack.send,
        slack.payload,
        needs=("destination",),
        takes=("url", "destination"),
        secrets={
            slack.BOT_TOKEN: Secret("Begins with xoxb-; the app needs the scope chat:write."),
            slack.SIGNING: Secret("Of the app, for its buttons.", is_needed=False),
        },
    ),
    "jira": Client(
        jira.send,
        jira.payload,
        needs=("url", "destination", "account"),
        takes=("url", "destination", "account"),
        secrets={jira.API_TOKEN: Secret("Of the account named in the channel.")},
    ),
    "email": Client(
        email.send, email.payload, needs=("destination",), takes=("destination",), secrets={}
    ),
    "webhook": Client(
        webhook.send,
        webhook.payload,
        needs=("url",),
        takes=("url",),
        secrets={webhook.SIGNING: Secret("Drawn here and shown once; the receiver checks by it.")},
    ),
}
