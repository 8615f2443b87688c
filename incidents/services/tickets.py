"""What became of tickets in Jira: read back, and told on the timeline where it changed."""

from collections.abc import Iterable
from itertools import groupby

import structlog
from django.db.models.functions import Now

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from audit.secret_box import CannotOpen
from incidents import actions
from incidents.models import Channel, Ticket
from incidents.notify import jira
from incidents.procedure import OPEN
from incidents.selectors.channels import missing, with_secrets
from incidents.selectors.envelopes import channel_envelope
from incidents.services.delivery import SENDER
from incidents.services.entries import Kind, entry_add
from portal.lib.errors import ApiTimeout, CircuitOpen, VigilError
from portal.lib.resilience import Refused

AT_ONCE = 25  # so that the answer fits

log = structlog.get_logger(__name__)


def tickets_read() -> int:
    """Asks for the tickets of incidents that are open, those first that were asked for longest ago.
    Returns how many have another status than before."""
    tickets = (
        Ticket.objects.filter(incident__state__in=OPEN)
        .select_related("incident")
        .order_by("channel", "seen_at", "id")
    )
    changed = 0
    for channel_id, of_channel in groupby(tickets[:500], key=lambda ticket: ticket.channel_id):
        channel = with_secrets(Channel.objects.filter(pk=channel_id)).get()
        if not missing(channel):
            changed += _read(channel, list(of_channel)[:AT_ONCE])
    return changed


def _read(channel: Channel, tickets: list[Ticket]) -> int:
    try:
        found = jira.statuses(channel_envelope(channel), [ticket.key for ticket in tickets])
    except (ApiTimeout, CircuitOpen, Refused, CannotOpen) as error:
        # Fails open: what is shown is older, and says since when.
        log.warning("tickets_not_read", channel=channel.name, error=str(error))
        return 0
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).update(seen_at=Now())
    return _record(
        (ticket, found[ticket.key])
        for ticket in tickets
        if ticket.key in found and found[ticket.key] != ticket.status
    )


def _record(changes: Iterable[tuple[Ticket, str]]) -> int:
    count = 0
    for ticket, status in changes:
        try:
            ticket_status(ticket=ticket, status=status, by=SENDER)
        except VigilError as error:
            log.warning("ticket_not_recorded", key=ticket.key, error=str(error))
        else:
            count += 1
    return count


@governed(actions.TICKET, on="ticket")
def ticket_status(*, ticket: Ticket, status: str, by: Principal) -> Ticket:
    locked = Ticket.objects.select_for_update(of=("self",)).get(pk=ticket.pk)
    before, locked.status = locked.status, status[:100]
    locked.save(update_fields=["status"])
    current().note(incident=ticket.incident.number, key=locked.key, status=locked.status)
    was = f", was {before}" if before else ""
    entry_add(ticket.incident, Kind.NOTIFICATION, f"Ticket {locked.key}: {locked.status}{was}")
    return locked
