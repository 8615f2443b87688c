"""Working an incident over the API, from detected to closed."""

import pytest

from audit.gate import engine
from audit.models import Event
from incidents.models import Incident
from tests.database import as_superuser
from tests.incidents.api.calling import Answer, Caller, signed_in
from tests.incidents.api.test_access import POSTMORTEM, WRITES
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.making import in_state, opened
from tests.people import Cast


@pytest.fixture
def commander(cast: Cast) -> Caller:
    return signed_in(cast.commander)


def step(caller: Caller, incident: Incident, name: str, **headers: str) -> Answer:
    body = {"reason": "because"}
    return caller.post(f"incidents/{incident.number}/{name}/", body, **headers)


STEPS = (
    *("classify", "notify", "acknowledge", "contain", "investigate", "fix", "verify"),
    *("document", "postmortem"),
)


def test_an_incident_is_worked_from_detected_to_closed(cast: Cast, commander: Caller) -> None:
    incident = opened(cast, "P1")
    for version, name in enumerate(STEPS, start=1):
        answer = step(commander, incident, name, If_Match=f'"{version}"')
        assert (answer.status, answer.headers["ETag"]) == (200, f'"{version + 1}"'), answer.body
    url = f"incidents/{incident.number}/postmortem/"
    assert commander.put(url, POSTMORTEM).status == 201
    assert commander.post(f"{url}whys/", WRITES["postmortem/whys/"]).status == 201
    assert commander.post(f"{url}items/", WRITES["postmortem/items/"]).status == 201
    assert commander.post(f"{url}submit/").status == 200
    assert step(commander, incident, "close").code == "GOVERNANCE_DENIED"
    assert signed_in(cast.approver).post(f"{url}accept/", If_Match='"3"').status == 200
    assert step(commander, incident, "close").body["state"] == "closed"


def test_a_step_out_of_order_says_what_is_possible(cast: Cast, commander: Caller) -> None:
    answer = step(commander, opened(cast), "fix")
    assert (answer.status, answer.code) == (409, "CONFLICT")
    assert "Possible now: Classify, False positive" in answer.body["message"]


def test_a_reason_is_asked_for_where_the_procedure_wants_one(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    for body in (None, {}, {"reason": " "}):
        answer = commander.post(f"incidents/{incident.number}/classify/", body)
        assert (answer.status, list(answer.fields)) == (400, ["reason"])


def test_no_reason_is_needed_elsewhere(cast: Cast, commander: Caller) -> None:
    incident = in_state(cast, "notified")
    assert commander.post(f"incidents/{incident.number}/acknowledge/").status == 200


MOVES = {
    "classify": {"reason": "because"},
    "change-severity": {"severity": "P0", "reason": "because"},
    "assign": {"role": "scribe", "user": "responder"},
    "timeline": {"text": "x"},
    "updates": {"text": "x"},
}


@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_stale_version_is_a_conflict(cast: Cast, commander: Caller, name: str) -> None:
    incident = opened(cast)
    url = f"incidents/{incident.number}/{name}/"
    answer = commander.post(url, MOVES[name], If_Match='"7"')
    assert (answer.status, answer.code) == (409, "CONFLICT")
    assert "moved on" in answer.body["message"]
    assert incident.timeline.count() == 1
    assert commander.post(url, MOVES[name], If_Match='W/"1"').status in {200, 201}


def test_what_is_no_version_is_named(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    for tag in ("1", '"x"', '"1", "2"', '""', '"9999999999"'):
        answer = step(commander, incident, "classify", If_Match=tag)
        assert (answer.status, list(answer.fields)) == (400, ["If-Match"])


def test_any_version_will_do_without_one(cast: Cast, commander: Caller) -> None:
    assert step(commander, opened(cast), "classify", If_Match="*").status == 200


def test_the_severity_changes(cast: Cast, commander: Caller) -> None:
    incident = opened(cast, "P2")
    url = f"incidents/{incident.number}/change-severity/"
    answer = commander.post(url, {"severity": "P0", "reason": "All of them"})
    assert (answer.status, answer.body["severity"], answer.headers["ETag"]) == (200, "P0", '"2"')
    again = commander.post(url, {"severity": "P0", "reason": "All of them"})
    assert (again.status, again.code) == (409, "CONFLICT")


BAD: list[tuple[str, object, str]] = [
    ("change-severity", {"severity": "P9", "reason": "x"}, "severity"),
    ("change-severity", {"severity": "P0"}, "reason"),
    ("assign", {"role": "hero", "user": "responder"}, "role"),
    ("assign", {"role": "scribe", "user": "nobody"}, "user"),
    ("assign", {"role": "scribe", "user": "outsider"}, "user"),
    ("assign", {"role": "scribe"}, "user"),
    ("classify", {"reason": 5 * ["x"]}, "reason"),
    ("classify", {"reason": "a\0b"}, "reason"),
]


def test_a_bad_field_is_named(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    for name, body, field in BAD:
        answer = commander.post(f"incidents/{incident.number}/{name}/", body)
        assert (answer.status, list(answer.fields)) == (400, [field]), body


def test_a_role_is_given_and_handed_over(cast: Cast, commander: Caller) -> None:
    url = f"incidents/{opened(cast).number}/assign/"
    for name in ("responder", "commander"):
        answer = commander.post(url, {"role": "commander", "user": name})
        assert [role["user"] for role in answer.body["roles"]] == [name]


def test_a_broken_gate_moves_nothing(
    cast: Cast, commander: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(cast)
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    answer = step(commander, incident, "classify")
    assert (answer.status, answer.code) == (403, "GOVERNANCE_FAILURE")
    assert Event.objects.latest("id").verdict == "failure"
    incident.refresh_from_db()
    assert incident.state == "detected"


def test_a_broken_ledger_moves_nothing(committed_cast: Cast) -> None:
    incident = opened(committed_cast)
    caller = signed_in(committed_cast.commander)
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    for name, body in MOVES.items():
        answer = caller.post(f"incidents/{incident.number}/{name}/", body)
        assert (answer.status, answer.code) == (503, "AUDIT_UNAVAILABLE")
    incident.refresh_from_db()
    assert (incident.state, incident.timeline.count()) == ("detected", 1)
