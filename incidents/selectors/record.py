"""What the ledger holds about one incident."""

from django.db.models import QuerySet

from audit.models import Event
from incidents.models import ActionItem, Incident, Postmortem


def incident_events(incident: Incident) -> QuerySet[Event]:
    """What was done, or refused, to it, its postmortem and its action items, and the events by which alerts
    changed it: one of those may have changed several incidents, and names only the last of them."""
    targets = [
        f"{model._meta.label_lower}:{incident.number}"
        for model in (Incident, Postmortem, ActionItem)
    ]
    named = Event.objects.filter(target__in=targets).values("pk")
    told = incident.timeline.order_by().values("event_id")
    return Event.objects.filter(pk__in=named.union(told)).defer("entry", "leaf_hash")
