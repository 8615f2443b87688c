"""What is kept as evidence: for the war room, and for whatever deletes or moves logs."""

from datetime import datetime

from django.db.models import Q, QuerySet

from audit.subjects import name_people
from incidents.models import EvidenceHold, Incident


def hold_of(incident: Incident) -> EvidenceHold | None:
    """The newest, whether in force or released, with who placed and released it by name."""
    hold = incident.evidence_holds.select_related("incident").first()
    if hold is not None:
        name_people([hold], "placed_by", "released_by")
    return hold


def holds_on(service: str, since: datetime, until: datetime) -> QuerySet[EvidenceHold]:
    """Those in force on anything of a service within `[since, until)`: while there is one, nothing
    of that is deleted. Restricted incidents hold evidence like any other."""
    return EvidenceHold.objects.filter(
        Q(until=None) | Q(until__gt=since),
        Q(services=[]) | Q(services__contains=[service]),
        released_at=None,
        since__lt=until,
    )
