"""Teams, channels and rules are plain rows; secrets of channels are set, never shown again."""

from datetime import timedelta

from django.conf import settings

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from audit.rows import register_rows
from audit.secrecy import Typed
from incidents import actions
from incidents.models import Channel, ChannelSecret, Notification, NotificationRule, Team
from incidents.models.notification import Reason
from incidents.notify import webhook
from incidents.notify.clients import CLIENTS
from incidents.notify.message import Message
from incidents.notify.vault import seal_secret
from incidents.selectors.addressees import Addressee
from incidents.selectors.channels import missing, with_secrets
from incidents.services.telling import tell_test
from portal.lib.errors import Conflict, FieldError, NotFound, ValidationFailed

for _model in (Team, Channel, NotificationRule):
    register_rows(_model)

# So long the former secret signs along, for receivers that have not changed yet.
SIGNS_ALONG = timedelta(hours=24)
LONGEST_SECRET = 500


@governed(actions.SET_SECRET, on="channel", is_secret=True)
def channel_secret_set(*, channel: Channel, by: Principal, name: str, secret: Typed) -> None:
    """Replaces the one that was there; a webhook's signs along for a day."""
    text = secret.text.strip()
    if name not in CLIENTS[channel.kind].secrets:
        raise ValidationFailed([FieldError("name", f"A {channel.kind} channel has no {name}.")])
    if not text or not text.isascii() or not text.isprintable() or len(text) > LONGEST_SECRET:
        message = f"Up to {LONGEST_SECRET} printable characters."
        raise ValidationFailed([FieldError("secret", message)])
    _check(channel, text)
    _put(channel, name, text)


@governed(actions.SET_SECRET, on="channel", is_secret=True)
def channel_secret_draw(*, channel: Channel, by: Principal) -> str:
    """A new signing secret of a webhook, which is shown this once."""
    if channel.kind != "webhook":
        raise Conflict("Only a webhook's secret is drawn here.")
    drawn = webhook.new_secret()
    _put(channel, webhook.SIGNING, drawn)
    return drawn


def _check(channel: Channel, text: str) -> None:
    if channel.kind != "webhook":
        return
    try:
        webhook.key_of(text)
    except ValueError as error:
        message = f"This is no secret like whsec_…: {error}."
        raise ValidationFailed([FieldError("secret", message)]) from error


def _put(channel: Channel, name: str, text: str) -> None:
    # One after the other: of two who set it at once, the later one holds.
    if Channel.objects.select_for_update().filter(pk=channel.pk).first() is None:
        raise NotFound
    at = current().at
    kept = ChannelSecret.objects.filter(channel=channel, name=name)
    if channel.kind == "webhook":
        kept.exclude(retires_at=None).delete()
        kept.filter(retires_at=None).update(retires_at=at + SIGNS_ALONG)
    else:
        kept.delete()
    ChannelSecret.objects.create(
        channel=channel, name=name, sealed=seal_secret(channel, name, text), set_at=at
    )
    current().note(channel=channel.name, of=name)


@governed(actions.TEST_CHANNEL, on="channel")
def channel_test(*, channel: Channel, by: Principal) -> Notification:
    """Sends a message that says that it is a test. Raises `Conflict` where the channel is not ready."""
    ready = with_secrets(Channel.objects.filter(pk=channel.pk)).get()
    if lacks := missing(ready):
        message = f"{channel} cannot be tested yet: it needs {', '.join(lacks)}."
        raise Conflict(message)
    record = current()
    record.note(channel=channel.name)
    message_ = Message(
        reason=Reason.TEST.value,
        label=Reason.TEST.label,
        title=f"Test of the channel {channel.name} from Vigil",
        text="Nothing is wrong. Somebody wanted to know whether this arrives.",
        link=settings.ORIGIN,
        at=record.at.isoformat(),
    )
    one = Addressee(channel.kind, channel.name, is_ready=True, channel=ready)
    return tell_test(one, message_, f"test-{record.id}")
