"""Who reaches what: every endpoint of incidents, once for each kind of caller."""

import uuid

import pytest
from django.test import Client

from audit.models import Event
from incidents.procedure import NAMES
from tests.entries import actor_of
from tests.incidents.api.calling import Caller, issued, signed_in, with_secret
from tests.incidents.arranging import restrict
from tests.incidents.making import in_state, opened, written
from tests.people import Cast

READS = ("", "timeline/", "updates/", "alerts/", "clocks/", "ledger/", "postmortem/")
READS += ("checklist/", "containment/", "handovers/")
REASON = {"reason": "because"}
POSTMORTEM = dict.fromkeys(
    (
        *("summary", "impact", "root_cause", "contributing_factors"),
        *("went_well", "went_wrong", "lucky", "lessons"),
    ),
    "Words.",
)
WRITES: dict[str, dict[str, str]] = {
    **{f"{name}/": REASON for name in NAMES},
    "change-severity/": {"severity": "P0", "reason": "because"},
    "assign/": {"role": "scribe", "user": "responder"},
    "take-role/": {"role": "deputy", "reason": "because"},
    "handovers/": {"role": "scribe", "user": "responder"},
    "checklist/": {"text": "Call the vendor"},
    "containment/": {"kind": "isolate", "target": "db-2", "performed_by": "Ada"},
    "timeline/": {"text": "Disk full"},
    "updates/": {"text": "We look into it."},
    "postmortem/accept/": {},
    "postmortem/submit/": {},
    "postmortem/send-back/": REASON,
    "postmortem/whys/": {"text": "Because"},
    "postmortem/items/": {
        "text": "Alert earlier",
        "owner": "responder",
        "due_on": "2040-01-01",
        "kind": "detect",
    },
}
ALL = [
    *(("GET", path, None) for path in READS),
    *(("POST", path, body) for path, body in WRITES.items()),
    ("PUT", "postmortem/", POSTMORTEM),
    ("PUT", "postmortem/sections/summary/", {"text": "Words."}),
]


def url(path: str, number: object = "INC-1001") -> str:
    return f"incidents/{number}/{path}"


@pytest.mark.parametrize("path", ["incidents/", url(""), f"receipts/{uuid.UUID(int=1)}/"])
def test_nobody_is_asked_to_sign_in(db: None, path: str) -> None:
    answer = Caller().get(path)
    assert (answer.status, answer.code) == (401, "NOT_AUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vigil"'


def test_what_an_outsider_may_not_see_is_not_there(cast: Cast) -> None:
    incident = opened(cast)
    outsider = signed_in(cast.outsider)
    for method, path, body in ALL:
        answer = outsider.call(method, url(path, incident.number), body)
        assert (answer.status, answer.code) == (404, "NOT_FOUND"), path
    assert outsider.get("incidents/").body["results"] == []


def test_a_restricted_incident_is_not_there_but_for_those_let_in(cast: Cast) -> None:
    incident = restrict(opened(cast), cast.commander)
    responder, commander = signed_in(cast.responder), signed_in(cast.commander)
    for method, path, body in ALL:
        assert responder.call(method, url(path, incident.number), body).status == 404, path
    assert responder.get("incidents/").body["results"] == []
    assert commander.get(url("", incident.number)).body["is_restricted"] is True
    assert len(commander.get("incidents/").body["results"]) == 1
    assert commander.post(url("classify/", incident.number), REASON).status == 200


def test_a_token_needs_the_scope_to_read(cast: Cast) -> None:
    incident = opened(cast)
    caller = with_secret(issued("alerts:write", user=cast.commander))
    for method, path, body in ALL:
        answer = caller.call(method, url(path, incident.number), body)
        assert (answer.status, answer.code) == (403, "GOVERNANCE_DENIED"), path
        assert "incidents:read" in answer.body["reason"]


def test_a_token_to_read_does_not_write(cast: Cast) -> None:
    incident = opened(cast)
    caller = with_secret(issued("incidents:read", user=cast.commander))
    assert caller.get(url("", incident.number)).status == 200
    answer = caller.post(url("classify/", incident.number), REASON)
    assert (answer.status, answer.body["reason"]) == (
        403,
        "The token lacks the scope incidents:write.",
    )
    assert {vote["voter"] for vote in answer.body["votes"]} == {
        *("axioms", "permissions", "policy")
    }


def test_a_token_does_what_its_person_may(cast: Cast) -> None:
    incident = opened(cast)
    scopes = ("incidents:read", "incidents:write")
    answer = with_secret(issued(*scopes, user=cast.responder, name="ci")).post(
        url("classify/", incident.number), REASON
    )
    assert (answer.status, answer.body["state"]) == (200, "classified")
    assert actor_of(Event.objects.latest("id")) == "token:ci"
    auditor = with_secret(issued(*scopes, user=cast.auditor))
    assert auditor.post(url("notify/", incident.number), REASON).status == 403


def test_a_token_for_nobody_reads_what_is_not_restricted_and_writes_nothing(cast: Cast) -> None:
    visible, hidden = opened(cast), restrict(opened(cast))
    caller = with_secret(issued("incidents:read", "incidents:write"))
    assert [row["number"] for row in caller.get("incidents/").body["results"]] == [visible.number]
    assert caller.get(url("", hidden.number)).status == 404
    assert caller.post(url("classify/", visible.number), REASON).status == 403


FORBIDDEN = {
    "auditor": [*NAMES, "change-severity", "assign", "timeline", "updates"],
    "responder": ["dismiss", "close", "reopen", "change-severity", "assign"],
}


@pytest.mark.parametrize("role", sorted(FORBIDDEN))
def test_the_wrong_role_is_refused_and_that_is_recorded(cast: Cast, role: str) -> None:
    incident = opened(cast)
    caller = signed_in(getattr(cast, role))
    for name in FORBIDDEN[role]:
        answer = caller.post(url(f"{name}/", incident.number), WRITES[f"{name}/"])
        assert (answer.status, answer.code) == (403, "GOVERNANCE_DENIED"), name
        denial = Event.objects.latest("id")
        assert (denial.event, actor_of(denial)) == ("governance_denied", f"user:{role}")
    incident.refresh_from_db()
    assert (incident.version, incident.timeline.count()) == (1, 1)


def test_the_wrong_role_neither_writes_nor_accepts_a_postmortem(cast: Cast) -> None:
    incident = in_state(cast, "postmortem")
    written(cast, incident, author="commander")
    auditor, responder = signed_in(cast.auditor), signed_in(cast.responder)
    assert auditor.put(url("postmortem/", incident.number), POSTMORTEM).status == 403
    assert responder.post(url("postmortem/accept/", incident.number)).status == 403
    answer = signed_in(cast.commander).post(url("postmortem/accept/", incident.number))
    assert (answer.status, "second person" in answer.body["reason"]) == (403, True)


def test_the_wrong_role_opens_nothing(cast: Cast) -> None:
    new = {"title": "Slow", "severity": "P2"}
    assert signed_in(cast.auditor).post("incidents/", new).status == 403


def test_a_session_needs_the_csrf_token(cast: Cast) -> None:
    incident = opened(cast)
    caller = Caller(Client(enforce_csrf_checks=True))
    caller.client.force_login(cast.commander)
    answer = caller.post(url("classify/", incident.number), REASON)
    assert (answer.status, "CSRF" in answer.body["message"]) == (403, True)


@pytest.mark.parametrize("number", ["1001", "inc-1001", "INC-", "INC-x", f"INC-{'9' * 19}"])
def test_what_is_no_number_is_not_found(lone_commander: Caller, number: str) -> None:
    answer = lone_commander.get(url("", number))
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_what_the_api_lacks_is_not_found_and_asks_nobody_to_sign_in(cast: Cast) -> None:
    number = opened(cast).number
    for caller in (Caller(Client(enforce_csrf_checks=True)), signed_in(cast.commander)):
        for path in (url("explode/", number), "incidents", "nowhere/", "/health/", "/v2/enqueue"):
            for method in ("GET", "POST"):
                answer = caller.call(method, path, REASON)
                assert (answer.status, answer.code) == (404, "NOT_FOUND"), path


def test_answers_are_kept_by_nobody_on_the_way(cast: Cast) -> None:
    answer = signed_in(cast.commander).get("incidents/")
    assert answer.headers["Cache-Control"] == "private, no-store"
