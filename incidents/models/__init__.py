from incidents.models.alert import Alert, AlertReceipt
from incidents.models.clock import ClockLeg, ClockNotice
from incidents.models.evidence import EvidenceHold
from incidents.models.idempotency import IdempotencyKey
from incidents.models.incident import Incident, IncidentRole, ProcedureTransition
from incidents.models.postmortem import Postmortem
from incidents.models.routing import Service, SeverityRule, Source
from incidents.models.status_update import StatusUpdate
from incidents.models.timeline import TimelineEntry

__all__ = [
    "Alert",
    "AlertReceipt",
    "ClockLeg",
    "ClockNotice",
    "EvidenceHold",
    "IdempotencyKey",
    "Incident",
    "IncidentRole",
    "Postmortem",
    "ProcedureTransition",
    "Service",
    "SeverityRule",
    "Source",
    "StatusUpdate",
    "TimelineEntry",
]
