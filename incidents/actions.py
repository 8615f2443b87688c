"""The governed actions of incidents, and which role's permission each asks for."""

from audit.gate.types import Action
from audit.governed import register
from incidents.procedure import NAMES

RESPOND = "incidents.respond_incident"
COMMAND = "incidents.command_incident"
RESTRICTING = "incidents.restrict_incident"
RELEASING = "incidents.release_evidence"

# Ending an incident, or going back on that, is the commander's; the steps between are everybody's.
_COMMANDERS = {"close", "dismiss", "reopen"}
_EVENTS = {
    "classify": "incident_classified",
    "notify": "incident_notified",
    "acknowledge": "incident_acknowledged",
    "contain": "incident_contained",
    "investigate": "incident_investigation_started",
    "fix": "incident_fix_started",
    "verify": "incident_verification_started",
    "document": "incident_verified",
    "postmortem": "incident_postmortem_started",
    "close": "incident_closed",
    "dismiss": "incident_dismissed",
    "reopen": "incident_reopened",
}


def _action(object_verb: str, event: str, permission: str, **options: bool) -> Action:
    name = f"incidents:{object_verb}"
    return register(Action(name, event, permission, scope="incidents:write", **options))


MOVES = {
    name: _action(f"incident:{name}", _EVENTS[name], COMMAND if name in _COMMANDERS else RESPOND)
    for name in NAMES
}
OPEN = _action("incident:open", "incident_opened", RESPOND)
OPEN_RESTRICTED = _action("incident:open-restricted", "incident_opened", RESTRICTING)
CHANGE_SEVERITY = _action("incident:change-severity", "incident_severity_changed", COMMAND)
ASSIGN = _action("incident:assign", "incident_role_assigned", COMMAND)
RESTRICT = _action("incident:restrict", "incident_restricted", RESTRICTING)
UNRESTRICT = _action("incident:unrestrict", "incident_unrestricted", RESTRICTING)
LET_IN = _action("incident:let-in", "incident_person_let_in", RESTRICTING)
REMOVE_PERSON = _action("incident:remove-person", "incident_person_removed", RESTRICTING)
ANNOTATE = _action("incident:annotate", "incident_annotated", RESPOND)
ANNOTATE_PINNED = _action("incident:annotate-pinned", "incident_annotated", RESPOND)
PIN = _action("incident:pin", "incident_entry_pinned", RESPOND)
UNPIN = _action("incident:unpin", "incident_entry_unpinned", RESPOND)
# Read while the gate is closed too: that the content is not what was recorded must not go unsaid.
ATTACHMENT_BROKEN = register(
    Action(
        "incidents:attachment:report",
        "attachment_broken",
        is_for_system=True,
        works_while_latched=True,
    )
)
PUBLISH = _action("incident:publish", "incident_status_updated", RESPOND)
PAUSE = _action("clock:pause", "clock_paused", COMMAND)
RESUME = _action("clock:resume", "clock_resumed", COMMAND)
HOLD = _action("evidence:hold", "evidence_preserved", RESPOND)
RELEASE = _action("evidence:release", "evidence_released", RELEASING)
# What is to be done in a step is everybody's who works the incident.
CHECKLIST = {
    verb: _action(f"checklistitem:{verb}", event, RESPOND)
    for verb, event in {
        "add": "checklistitem_added",
        "assign": "checklistitem_assigned",
        "complete": "checklistitem_completed",
        "skip": "checklistitem_skipped",
        "reopen": "checklistitem_reopened",
    }.items()
}
CONTAIN = _action("containmentaction:record", "containmentaction_recorded", COMMAND)
REVERSE = _action("containmentaction:reverse", "containmentaction_reversed", COMMAND)
# Offered by the holder and answered by the other: the services hold them to it. To accept a role is
# no acceptance of somebody's work, which axioms would ask a second person for.
HANDOVER = {
    verb: _action(f"rolehandover:{verb}", event, RESPOND)
    for verb, event in {
        "offer": "rolehandover_offered",
        "take-over": "rolehandover_accepted",
        "decline": "rolehandover_declined",
        "withdraw": "rolehandover_withdrawn",
    }.items()
}
TAKE_ROLE = _action("incident:take-role", "incident_role_taken", COMMAND)
NOTICE = register(Action("incidents:clock:notice", "clock_noticed", is_for_system=True))
CARRY_OVER = register(
    Action("incidents:postmortem:carry-over", "postmortem_carried_over", is_for_system=True)
)
WRITE_POSTMORTEM = _action("postmortem:write", "postmortem_written", RESPOND)
ACCEPT_POSTMORTEM = _action(
    "postmortem:accept", "postmortem_accepted", "incidents.accept_postmortem"
)
SUBMIT_POSTMORTEM = _action("postmortem:submit", "postmortem_submitted", RESPOND)
SEND_BACK_POSTMORTEM = _action(
    "postmortem:send-back", "postmortem_sent_back", "incidents.accept_postmortem"
)
ADD_WHY = _action("postmortem:add-why", "why_added", RESPOND)
CHANGE_WHY = _action("postmortem:change-why", "why_changed", RESPOND)
REMOVE_WHY = _action("postmortem:remove-why", "why_removed", RESPOND)
ADD_ITEM = _action("postmortem:add-item", "actionitem_added", RESPOND)
# While a postmortem is written, its items are everybody's who writes it; once it is accepted, the
# commander's; one's own are always one's own.
_ITEM_VERBS = {
    "change": "actionitem_changed",
    "complete": "actionitem_completed",
    "drop": "actionitem_dropped",
    "reopen": "actionitem_reopened",
}
ITEMS = {
    (verb, whose): _action(f"actionitem:{verb}{suffix}", event, permission)
    for verb, event in _ITEM_VERBS.items()
    for whose, suffix, permission in (
        ("own", "-own", "incidents.view_incident"),
        ("draft", "", RESPOND),
        ("accepted", "-accepted", COMMAND),
    )
}
REMIND = register(Action("incidents:actionitem:remind", "actionitem_reminded", is_for_system=True))

RECEIVE = register(
    Action(
        "incidents:alert:receive",
        "alerts_received",
        permission="incidents.add_alertreceipt",
        scope="alerts:write",
        is_for_clients=True,
    )
)
PROCESS = register(Action("incidents:receipt:process", "alerts_processed", is_for_system=True))
SET_ASIDE = register(Action("incidents:receipt:set-aside", "alert_set_aside", is_for_system=True))

# What became of a notification is told also while the gate is closed: that is when people are paged.
SENT = register(
    Action(
        "incidents:notification:sent",
        "notification_sent",
        is_for_system=True,
        works_while_latched=True,
    )
)
GIVE_UP = register(
    Action(
        "incidents:notification:give-up",
        "notification_given_up",
        is_for_system=True,
        works_while_latched=True,
    )
)
RESENDING = "incidents.resend_notification"
RESEND = _action("notification:resend", "notification_resent", RESENDING)
PUT_ASIDE = _action("notification:set-aside", "notification_set_aside", RESENDING)
NOTIFY_DETECTED = register(
    Action("incidents:incident:notify-detected", "incident_notified", is_for_system=True)
)
ESCALATE = register(Action("incidents:incident:escalate", "incident_escalated", is_for_system=True))
TICKET = register(Action("incidents:ticket:read", "ticket_status_changed", is_for_system=True))
SET_SECRET = register(
    Action("incidents:channel:set-secret", "channel_secret_set", "incidents.change_channel")
)
TEST_CHANNEL = register(
    Action("incidents:channel:test", "channel_tested", "incidents.change_channel")
)
ADD_CONTACT = register(
    Action("incidents:contactmethod:add", "contact_method_added", is_for_everyone=True)
)
TEST_CONTACT = register(
    Action("incidents:contactmethod:test", "contact_method_tested", is_for_everyone=True)
)
CONFIRM_CONTACT = register(
    Action("incidents:contactmethod:confirm", "contact_method_confirmed", is_for_everyone=True)
)
REMOVE_CONTACT = register(
    Action("incidents:contactmethod:remove", "contact_method_removed", is_for_everyone=True)
)
