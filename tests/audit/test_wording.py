"""What happened, in words."""

import pytest

from audit.governed import ACTIONS
from audit.wording import PHRASES, did, who


def entry(event: str, target: str, **data: object) -> dict[str, object]:
    return {
        "event": event,
        "target": target,
        "actor": "user:ada",
        "action": "incidents:incident:change-severity",
        "data": data,
    }


@pytest.mark.parametrize(
    ("event", "target", "data", "words"),
    [
        ("incident_acknowledged", "incidents.incident:INC-7", {}, "acknowledged incident INC-7"),
        ("service_added", "incidents.service:5", {"name": "API"}, "added service API"),
        ("severityrule_deleted", "incidents.severityrule:5", {}, "deleted severity rule 5"),
        ("token_issued", "audit.apitoken:3", {"token": "ci"}, "issued token (API token ci)"),
        ("password_set", "audit.user:3", {"user": "bob"}, "set password (user bob)"),
        ("sign_in", "audit.user:3", {}, "signed in"),
        (
            "governance_denied",
            "incidents.incident:INC-7",
            {"refused": "incidents:incident:change-severity"},
            "was refused: change severity incident",
        ),
        ("alerts_received", "incidents.source:new", {}, "received alerts"),
        ("odd", "a.b:1", {}, "odd: b 1"),
    ],
)
def test_did(event: str, target: str, data: dict[str, object], words: str) -> None:
    assert did(entry(event, target, **data)) == words


@pytest.mark.parametrize(
    ("actor", "words"),
    [("user:ada", "ada"), ("token:ci", "token ci"), ("system:worker", "Vigil (worker)")],
)
def test_who(actor: str, words: str) -> None:
    assert who({"actor": actor}) == words


def test_every_event_there_is_can_be_said() -> None:
    for action in ACTIONS.values():
        assert did(entry(action.event, "audit.user:1", name="x")).strip()


def test_every_phrase_is_of_an_event_there_is() -> None:
    written_by_hand = {
        "governance_denied",
        "governance_failure",
        "installation_begun",
        "evidence_export_requested",
        "evidence_export_failed",
    }
    assert set(PHRASES) - written_by_hand <= {action.event for action in ACTIONS.values()}
