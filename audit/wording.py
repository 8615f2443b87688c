"""What happened, in a few human words: `acknowledged incident INC-7`. Pure.

An event's name says it by itself where it ends in what was done, as `incident_acknowledged` does. What
does not, and what would read badly, has a phrase here.
"""

from typing import Any

PHRASES = {
    "sign_in": "signed in",
    "sign_out": "signed out",
    "sign_in_failed": "refused a sign-in as {key}",
    "postmortem_sent_back": "sent the postmortem of {key} back",
    "postmortem_carried_over": "carried over the whys and action items of {key}",
    "incident_entry_pinned": "pinned a timeline entry of {key}",
    "incident_entry_unpinned": "took a pin off the timeline of {key}",
    "attachment_broken": "found attachment {key} not to be what was recorded",
    "governance_denied": "was refused: {refused}",
    "governance_failure": "was stopped, for the gate could not decide: {refused}",
    "installation_begun": "began this installation",
    "password_changed": "changed their own password",
    "profile_changed": "changed their own profile",
    "evidence_export_requested": "asked for an export of the record",
    "evidence_exported": "received an export of the record",
    "evidence_export_failed": "did not get an export of the record",
    "audit_view_saved": "saved the view {name}",
    "audit_view_deleted": "deleted the view {name}",
    "rolehandover_withdrawn": "withdrew the offer of the role {name}",
}
# Models whose names are several words, or other ones to people.
WORDS = {
    "actionitem": "action item",
    "apitoken": "API token",
    "alertreceipt": "alert receipt",
    "approvalrequest": "approval",
    "checklistitem": "checklist item",
    "checklisttemplate": "checklist",
    "containmentaction": "containment action",
    "gatelatch": "gate latch",
    "group": "role",
    "policyset": "policy",
    "rolehandover": "hand-over of a role",
    "severityrule": "severity rule",
}
# Where an entry's data have the name of what it was done to.
NAMES = ("name", "user", "token", "role")
# Endings of what was done, as in `added`, `written`, `begun`, `set`.
_DONE = ("ed", "en", "un", "set", "met", "lost", "told")


def did(entry: dict[str, Any]) -> str:
    """What the actor did to what, without the actor."""
    data, event = entry["data"], entry["event"]
    kind, _, key = entry["target"].partition(":")
    model = _words(kind.rpartition(".")[2])
    name = str(next((data[named] for named in NAMES if data.get(named)), key)).removeprefix("user:")
    if phrase := PHRASES.get(event):
        refused = _asked_for(str(data.get("refused", entry["action"])))
        return phrase.format(key=key, name=name, refused=refused)
    *thing, verb = event.split("_")
    if not thing or not verb.endswith(_DONE):
        return f"{event.replace('_', ' ')}: {model} {name}"
    things = " ".join(_words(word) for word in thing)
    named = "" if key == "new" else name
    if things == model:
        return f"{verb} {things} {named}".rstrip()
    return f"{verb} {things} ({model} {named})" if named else f"{verb} {things}"


def who(entry: dict[str, Any]) -> str:
    """`ada`, `token alertmanager`, `Vigil (worker)`."""
    kind, _, name = entry["actor"].partition(":")
    match kind:
        case "user":
            return str(name)
        case "system":
            return f"Vigil ({name})"
        case _:
            return f"{kind} {name}"


def _asked_for(action: str) -> str:
    """`incidents:incident:change-severity` as `change severity incident`."""
    _app, _, rest = action.partition(":")
    thing, _, verb = rest.partition(":")
    return f"{verb.replace('-', ' ')} {_words(thing)}".strip() or action


def _words(name: str) -> str:
    return WORDS.get(name, name)
