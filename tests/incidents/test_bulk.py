"""Several incidents at once: each decided and recorded for itself."""

import threading

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from audit.gate import engine
from audit.models import Event, User
from incidents.models import Incident, IncidentRole
from incidents.procedure import State
from incidents.services.bulk import (
    MOST,
    Asked,
    acknowledge_each,
    hand_over_each,
    open_roles,
)
from incidents.services.incidents import incident_assign
from portal.lib.errors import Conflict, ValidationFailed
from tests.database import as_superuser
from tests.incidents.api.calling import signed_in
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import restrict
from tests.incidents.making import in_state, move, opened
from tests.incidents.pages.test_dashboard import queries
from tests.people import Cast

ACKNOWLEDGE, HAND_OVER = (
    reverse("incidents:acknowledge-several"),
    reverse("incidents:hand-over"),
)
Role = IncidentRole.Role


def asked(*incidents: Incident) -> list[Asked]:
    return [Asked(incident.pk, incident.version) for incident in incidents]


def states(*incidents: Incident) -> list[str]:
    return [Incident.objects.get(pk=incident.pk).state for incident in incidents]


def assign(cast: Cast, incident: Incident, role: Role, user: User) -> None:
    incident_assign(incident=incident, by=cast.principal("commander"), role=role, user=user)


def test_each_has_a_record_of_its_own(cast: Cast) -> None:
    incidents = [in_state(cast, State.NOTIFIED) for _ in range(3)]
    before = Event.objects.count()
    outcomes = acknowledge_each(asked(*incidents), cast.principal("responder"))
    assert [outcome.message for outcome in outcomes] == ["Acknowledged."] * 3
    assert states(*incidents) == [State.ACKNOWLEDGED] * 3
    assert Event.objects.count() == before + 3


def test_what_is_refused_of_one_stops_none_of_the_others(cast: Cast) -> None:
    good, early = in_state(cast, State.NOTIFIED), opened(cast)
    hidden = restrict(in_state(cast, State.NOTIFIED), cast.commander)
    done = in_state(cast, State.ACKNOWLEDGED)
    outcomes = acknowledge_each(
        [*asked(early, hidden, done, good), Asked(10**12)], cast.principal("responder")
    )
    assert [outcome.code for outcome in outcomes] == [
        *("CONFLICT", "NOT_FOUND", "CONFLICT", "", "NOT_FOUND")
    ]
    assert "does not follow" in outcomes[0].message
    assert outcomes[2].message == "commander has acknowledged it already."
    assert states(good, early, hidden) == [State.ACKNOWLEDGED, State.DETECTED, State.NOTIFIED]
    unknown = [(each.incident, each.message) for each in outcomes if each.code == "NOT_FOUND"]
    assert unknown == [(None, "There is no such incident.")] * 2


@pytest.mark.parametrize("number", [0, MOST + 1])
def test_none_and_too_many_are_refused_as_a_whole(cast: Cast, number: int) -> None:
    with pytest.raises(ValidationFailed):
        acknowledge_each([Asked(n) for n in range(1, number + 1)], cast.principal("responder"))


def test_two_commanders_at_once_have_one_effect_and_one_clear_message(committed_cast: Cast) -> None:
    incident, found = in_state(committed_cast, State.NOTIFIED), []
    ready = threading.Barrier(2)

    def press(name: str) -> None:
        ready.wait()
        found.extend(acknowledge_each(asked(incident), committed_cast.principal(name)))
        connections.close_all()

    threads = [threading.Thread(target=press, args=(name,)) for name in ("commander", "approver")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.code for outcome in found) == ["", "CONFLICT"]
    [refused] = [outcome for outcome in found if outcome.code]
    assert "acknowledged it already" in refused.message
    assert Event.objects.filter(event="incident_acknowledged", verdict="allow").count() == 1


def test_a_broken_gate_acknowledges_none(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = in_state(cast, State.NOTIFIED)
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    [outcome] = acknowledge_each(asked(incident), cast.principal("responder"))
    assert outcome.code == "GOVERNANCE_FAILURE"
    assert states(incident) == [State.NOTIFIED]


def test_without_a_ledger_none_is_acknowledged(committed_cast: Cast) -> None:
    incident = in_state(committed_cast, State.NOTIFIED)
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event RENAME TO audit_event_away")
        try:
            [outcome] = acknowledge_each(asked(incident), committed_cast.principal("responder"))
        finally:
            superuser.execute("ALTER TABLE audit_event_away RENAME TO audit_event")
    assert outcome.code == "AUDIT_UNAVAILABLE"
    assert states(incident) == [State.NOTIFIED]


def test_everything_of_a_person_in_open_incidents_is_handed_over(cast: Cast) -> None:
    first, second, ended = opened(cast, "P2"), opened(cast, "P1"), opened(cast)
    for incident, role in ((first, Role.COMMANDER), (first, Role.SCRIBE), (second, Role.DEPUTY)):
        assign(cast, incident, role, cast.responder)
    assign(cast, ended, Role.COMMANDER, cast.responder)
    by = cast.principal("commander")
    move(cast, ended, "dismiss")
    outcomes = hand_over_each(cast.responder, cast.approver, by, "Off sick")
    assert [(each.incident, each.code) for each in outcomes] == [
        (second, ""),
        (first, ""),
        (first, ""),
    ]
    assert open_roles(cast.responder, by) == []
    assert len(open_roles(cast.approver, by)) == 3
    assert "Off sick" in first.timeline.first().text


def test_who_may_not_hold_a_role_is_given_none_and_told_why(cast: Cast) -> None:
    incident = opened(cast)
    assign(cast, incident, Role.COMMANDER, cast.responder)
    by = cast.principal("commander")
    [outcome] = hand_over_each(cast.responder, cast.outsider, by, "Off")
    assert (outcome.code, outcome.message) == (
        "VALIDATION_FAILED",
        "Commander: outsider may not work incidents.",
    )
    assert open_roles(cast.responder, by)[0].incident == incident


def test_a_restricted_incident_shows_and_goes_only_where_people_are_let_in(cast: Cast) -> None:
    hidden = restrict(opened(cast), cast.commander)
    assign(cast, hidden, Role.COMMANDER, cast.commander)
    assert open_roles(cast.commander, cast.responder) == []
    assert hand_over_each(cast.commander, cast.approver, cast.principal("responder"), "Off") == []
    [outcome] = hand_over_each(cast.commander, cast.responder, cast.principal("commander"), "Off")
    assert "has not been let in" in outcome.message


def test_a_role_that_has_changed_hands_meanwhile_stays_where_it_is(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("commander")
    assign(cast, incident, Role.DEPUTY, cast.approver)
    with pytest.raises(Conflict, match="no longer responder"):
        incident_assign(
            incident=incident,
            by=by,
            role=Role.DEPUTY,
            user=cast.commander,
            held_by=cast.responder,
        )


def test_a_responder_hands_over_nothing_at_once(cast: Cast) -> None:
    assign(cast, opened(cast), Role.COMMANDER, cast.responder)
    [outcome] = hand_over_each(cast.responder, cast.approver, cast.principal("responder"), "Off")
    assert outcome.code == "GOVERNANCE_DENIED"


def test_the_page_shows_what_waits_and_says_what_became_of_each(cast: Cast, client: Client) -> None:
    waiting, hidden = in_state(cast, State.NOTIFIED), in_state(cast, State.NOTIFIED)
    restrict(hidden, cast.commander)
    client.force_login(cast.responder)
    page = client.get(ACKNOWLEDGE).content.decode()
    assert waiting.number in page
    assert hidden.number not in page
    answer = client.post(ACKNOWLEDGE, {"incident": f"{waiting.pk}:{waiting.version}"})
    assert "Acknowledged." in answer.content.decode()
    assert "No incident waits" in answer.content.decode()


@pytest.mark.parametrize("sent", [{}, {"incident": "x"}, {"incident": "1:" + "9" * 40}])
def test_a_form_that_cannot_be_read_changes_nothing(
    cast: Cast, client: Client, sent: dict[str, str]
) -> None:
    client.force_login(cast.responder)
    answer = client.post(ACKNOWLEDGE, sent)
    assert (answer.status_code, "Nothing was changed" in answer.content.decode()) == (400, True)


def test_a_commander_hands_over_for_somebody_else_on_the_page(cast: Cast, client: Client) -> None:
    incident = opened(cast)
    assign(cast, incident, Role.COMMANDER, cast.responder)
    client.force_login(cast.commander)
    url = f"{HAND_OVER}?user=responder"
    assert incident.number in client.get(url).content.decode()
    assert client.post(url, {"to": cast.approver.pk, "reason": " "}).status_code == 400
    answer = client.post(url, {"to": cast.approver.pk, "reason": "Off sick"}).content.decode()
    assert "Commander: now approver." in answer
    assert client.get(f"{HAND_OVER}?user=nobody").status_code == 404


@pytest.mark.parametrize("path", [ACKNOWLEDGE, HAND_OVER])
def test_an_outsider_finds_no_such_page(cast: Cast, client: Client, path: str) -> None:
    client.force_login(cast.outsider)
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404


def test_the_pages_ask_no_more_of_many_than_of_few(cast: Cast, client: Client) -> None:
    client.force_login(cast.commander)
    assign(cast, in_state(cast, State.NOTIFIED), Role.SCRIBE, cast.commander)
    few = [queries(client, path) for path in (ACKNOWLEDGE, HAND_OVER)]
    for _ in range(4):
        assign(cast, in_state(cast, State.NOTIFIED), Role.SCRIBE, cast.commander)
    assert [queries(client, path) for path in (ACKNOWLEDGE, HAND_OVER)] == few


def test_the_api_answers_for_each(cast: Cast) -> None:
    good, early = in_state(cast, State.NOTIFIED), opened(cast)
    sent = {"incidents": [{"number": good.pk, "version": good.version}, {"number": early.pk}]}
    answer = signed_in(cast.responder).post("incidents/acknowledge/", sent)
    assert answer.status == 200
    assert [(one["number"], one["done"]) for one in answer.body["results"]] == [
        (good.number, True),
        (early.number, False),
    ]
    assign(cast, good, Role.COMMANDER, cast.responder)
    sent = {"user": "responder", "to": "approver", "reason": "Off"}
    answer = signed_in(cast.commander).post("incidents/hand-over/", sent)
    assert answer.body["results"][0]["message"] == "Commander: now approver."
    wrong = signed_in(cast.commander).post("incidents/hand-over/", {**sent, "to": "nobody"})
    assert list(wrong.fields) == ["to"]
