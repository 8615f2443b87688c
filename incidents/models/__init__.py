from incidents.models.alert import Alert, AlertReceipt
from incidents.models.attachment import Attachment, AttachmentPiece, PinnedEntry
from incidents.models.channel import Channel, ChannelKind, ChannelSecret, NotificationRule
from incidents.models.checklist import ChecklistItem, ChecklistTemplate
from incidents.models.clock import ClockLeg, ClockNotice
from incidents.models.containment import ContainmentAction
from incidents.models.evidence import EvidenceHold
from incidents.models.followup import ActionItem, ActionReminder, PostmortemWords, Why
from incidents.models.handover import RoleHandover
from incidents.models.idempotency import IdempotencyKey
from incidents.models.incident import Incident, IncidentRole, ProcedureTransition
from incidents.models.notification import (
    Escalation,
    Notification,
    NotificationAttempt,
    Reason,
    Ticket,
)
from incidents.models.postmortem import Postmortem
from incidents.models.routing import Service, SeverityRule, Source
from incidents.models.status_update import StatusUpdate
from incidents.models.team import ContactMethod, Team
from incidents.models.timeline import TimelineEntry

__all__ = [
    "ActionItem",
    "ActionReminder",
    "Alert",
    "AlertReceipt",
    "Attachment",
    "AttachmentPiece",
    "Channel",
    "ChannelKind",
    "ChannelSecret",
    "ChecklistItem",
    "ChecklistTemplate",
    "ClockLeg",
    "ClockNotice",
    "ContactMethod",
    "ContainmentAction",
    "Escalation",
    "EvidenceHold",
    "IdempotencyKey",
    "Incident",
    "IncidentRole",
    "Notification",
    "NotificationAttempt",
    "NotificationRule",
    "PinnedEntry",
    "Postmortem",
    "PostmortemWords",
    "ProcedureTransition",
    "Reason",
    "RoleHandover",
    "Service",
    "SeverityRule",
    "Source",
    "StatusUpdate",
    "Team",
    "Ticket",
    "TimelineEntry",
    "Why",
]
