"""A notification as its client needs it: message, address, secrets, and what it follows."""

from incidents.models import Channel, ContactMethod, Notification
from incidents.models.notification import Reason
from incidents.notify.message import Envelope, Message
from incidents.notify.pagerduty import ROUTING_KEY
from incidents.notify.vault import open_address, open_code, open_secret
from incidents.selectors.channels import with_secrets

# A page that nobody answered is not hidden in the thread of the first.
_ALONE = {("slack", Reason.ESCALATED)}


def envelope_of(notification: Notification, *, is_for_sending: bool) -> Envelope:
    """With secrets and a person's address only where it `is_for_sending`: everything else is shown.

    Raises `secret_box.CannotOpen`. Of an incident that is restricted by now nothing more is said.
    """
    message = Message.from_json(notification.message)
    incident, contact = notification.incident, notification.contact
    if incident is not None and incident.is_restricted:
        message = message.redacted()
    channel = notification.channel
    if is_for_sending and channel is not None:
        channel = with_secrets(Channel.objects.filter(pk=channel.pk)).get()
    secrets = _secrets(channel) if is_for_sending and channel is not None else {}
    destination, code = channel.destination if channel else "", ""
    if contact is not None:
        destination = open_address(contact) if is_for_sending else "their address"
        if is_for_sending and contact.kind == ContactMethod.Kind.PAGERDUTY:
            secrets, destination = {ROUTING_KEY: [destination]}, ""
        if is_for_sending and notification.reason == Reason.TEST:
            code = open_code(contact)
    return Envelope(
        id=notification.message_id,
        message=message,
        dedup_key=notification.dedup_key,
        url=channel.url if channel else "",
        destination=destination,
        account=channel.account if channel else "",
        thread=_thread(notification),
        code=code,
        secrets=secrets,
    )


def channel_envelope(channel: Channel) -> Envelope:
    """For what is asked of a channel beside sending. Needs `with_secrets`."""
    nothing = Message("", "", "", "", "")
    return Envelope(
        id="",
        message=nothing,
        dedup_key="",
        url=channel.url,
        destination=channel.destination,
        account=channel.account,
        secrets=_secrets(channel),
    )


def _secrets(channel: Channel) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kept in channel.kept:  # type: ignore[attr-defined] # prefetched
        found.setdefault(kept.name, []).append(open_secret(kept, channel))
    return found


def _thread(notification: Notification) -> str:
    """What the receiver calls the first message about this incident, where one was sent before."""
    if notification.incident_id is None or (notification.kind, notification.reason) in _ALONE:
        return ""
    same = Notification.objects.filter(
        incident=notification.incident_id,
        channel=notification.channel_id,
        contact=notification.contact_id,
        pk__lt=notification.pk,
    )
    first = same.exclude(reference="").order_by("id").first()
    return first.reference if first else ""
