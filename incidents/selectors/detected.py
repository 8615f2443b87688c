"""Incidents that detectors opened, and that wait for nobody to tell of them."""

from django.db.models import Exists, OuterRef

from incidents.models import Alert, Incident
from incidents.procedure import State
from incidents.selectors.addressees import rule_of
from incidents.severity import Severity

AT_ONCE = 100


def to_notify() -> list[Incident]:
    """The gravest first. What is resolved by the time it is looked at pages nobody."""
    automatic = [severity for severity in Severity.values if rule_of(severity).is_automatic]
    firing = Alert.objects.filter(incident=OuterRef("pk"), status=Alert.Status.FIRING)
    waiting = Incident.objects.filter(
        Exists(firing), state=State.DETECTED, severity__in=automatic, is_drill=False
    )
    return list(waiting.order_by("severity", "id")[:AT_ONCE])
