from incidents.models.alert import Alert, AlertReceipt
from incidents.models.clock import ClockLeg, ClockNotice
from incidents.models.followup import ActionItem, ActionReminder, PostmortemWords, Why
from incidents.models.idempotency import IdempotencyKey
from incidents.models.incident import Incident, IncidentRole, ProcedureTransition
from incidents.models.postmortem import Postmortem
from incidents.models.routing import Service, SeverityRule, Source
from incidents.models.timeline import TimelineEntry

__all__ = [
    "ActionItem",
    "ActionReminder",
    "Alert",
    "AlertReceipt",
    "ClockLeg",
    "ClockNotice",
    "IdempotencyKey",
    "Incident",
    "IncidentRole",
    "Postmortem",
    "PostmortemWords",
    "ProcedureTransition",
    "Service",
    "SeverityRule",
    "Source",
    "TimelineEntry",
    "Why",
]
