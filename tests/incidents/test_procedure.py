"""The ten steps: every arrow that there is, and every one that there is not."""

import threading
from itertools import product
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from audit.ledger.report import Report
from audit.ledger.verify import verify
from audit.models import Event
from incidents.models import Incident, IncidentRole, ProcedureTransition
from incidents.procedure import (
    NAMES,
    OPEN,
    STEPS,
    TRANSITIONS,
    State,
    Transition,
    find,
    transitions_from,
)
from incidents.procedure_document import render
from incidents.services.incidents import (
    incident_assign,
    incident_change_severity,
    incident_transition,
)
from incidents.services.postmortems import postmortem_accept
from incidents.severity import Severity
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from tests.database import as_superuser
from tests.incidents.making import WAYS, accepted, in_state, move, opened, submitted
from tests.people import Cast

ARROWS = {(t.source, t.target, severity) for t in TRANSITIONS for severity in t.severities}


def test_there_are_ten_steps_in_order() -> None:
    assert [step.number for step in STEPS] == list(range(1, 11))
    assert [step.name for step in STEPS][-1] == "Postmortem"


def test_the_database_reads_the_same_table(db: None) -> None:
    rows = ProcedureTransition.objects.values_list("source", "target", "severity")
    assert set(rows) == ARROWS


def test_the_document_shows_the_same_table() -> None:
    document = Path(__file__).parents[2] / "docs" / "procedure.md"
    assert document.read_text() == render()


def test_every_open_state_leads_somewhere_and_every_state_is_reached() -> None:
    for state, severity in product(OPEN, Severity):
        assert transitions_from(state, severity)
    assert {t.target for t in TRANSITIONS} | {State.DETECTED} == set(State)


def test_a_name_is_one_arrow_from_one_state() -> None:
    for state, severity, name in product(State, Severity, NAMES):
        found = [t for t in transitions_from(state, severity) if t.name == name]
        assert len(found) <= 1
        assert find(name, state, severity) == (found[0] if found else None)


@pytest.mark.parametrize("severity", [Severity.P1, Severity.P2])
@pytest.mark.parametrize("source", State)
def test_the_service_takes_the_arrows_and_no_others(
    cast: Cast, source: State, severity: Severity
) -> None:
    """From every state, by every name."""
    for name in NAMES:
        if (source, name) == (State.POSTMORTEM, "close"):
            continue  # has a condition of its own, below
        incident = in_state(cast, source, severity)
        transition = find(name, source, severity)
        if transition is None:
            # The axiom on closing speaks before the procedure does.
            with pytest.raises((Conflict, GovernanceDenied)) as refused:
                move(cast, incident, name)
            if isinstance(refused.value, Conflict):
                assert "Possible now" in refused.value.message
            incident.refresh_from_db()
            assert incident.state == source
        else:
            assert move(cast, incident, name).state == transition.target


@pytest.mark.parametrize("severity", [Severity.P1, Severity.P2])
@pytest.mark.parametrize("source", State)
def test_the_database_takes_the_arrows_and_no_others(
    cast: Cast, source: State, severity: Severity
) -> None:
    incident = in_state(cast, source, severity)
    for target in State:
        if target == source:
            continue
        ended = "NULL" if target in OPEN else "now()"
        statement = (
            f"UPDATE incidents_incident SET state = '{target}', version = version + 1,"
            f" ended_at = {ended}, next_target_at = NULL WHERE id = {incident.pk}"
        )
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT attempt")
            try:
                cursor.execute(statement)
                taken = True
            except IntegrityError:
                taken = False
            cursor.execute("ROLLBACK TO attempt")
        has_postmortem = incident.postmortem_set.filter(accepted_at__isnull=False).exists()
        expected = (source, target, severity) in ARROWS and not (
            target == State.CLOSED and severity == Severity.P1 and not has_postmortem
        )
        assert taken == expected, f"{source} → {target}"


def test_an_incident_begins_as_detected_in_the_database_too(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="begins as detected"), transaction.atomic():
        Incident.objects.create(title="x", severity="P2", state=State.FIXING)


@pytest.mark.parametrize("severity", ["P0", "P1"])
def test_closing_p0_and_p1_takes_an_accepted_postmortem(cast: Cast, severity: str) -> None:
    incident = in_state(cast, State.POSTMORTEM, severity)
    with pytest.raises(GovernanceDenied, match="accepted postmortem"):
        move(cast, incident, "close")
    submitted(cast, incident)
    with pytest.raises(GovernanceDenied, match="accepted postmortem"):
        move(cast, incident, "close")
    postmortem_accept(
        postmortem=incident.postmortem_set.get(), by=cast.principal("approver"), version=3
    )
    by = cast.principal("commander")
    incident_assign(incident=incident, by=by, role=IncidentRole.Role.COMMANDER, user=cast.commander)
    assert move(cast, incident, "close").state == State.CLOSED


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_p2_and_p3_close_without_one_or_with(cast: Cast, severity: str) -> None:
    without = move(cast, in_state(cast, State.DOCUMENTING, severity), "close")
    assert without.state == State.CLOSED
    with_one = in_state(cast, State.POSTMORTEM, severity)
    accepted(cast, with_one)
    assert move(cast, with_one, "close").state == State.CLOSED


@pytest.mark.parametrize("transition", [t for t in TRANSITIONS if t.is_reason_required])
def test_a_reason_is_insisted_on_where_the_procedure_wants_one(
    cast: Cast, transition: Transition
) -> None:
    incident = in_state(cast, transition.source, transition.severities[-1])
    if transition.name == "close" and incident.needs_postmortem:
        accepted(cast, incident)
    with pytest.raises(ValidationFailed) as refused:
        move(cast, incident, transition.name, reason="  \n")
    assert [error.field for error in refused.value.errors] == ["reason"]
    incident.refresh_from_db()
    assert incident.state == transition.source


def test_a_stale_version_is_refused_and_says_where_it_stands(cast: Cast) -> None:
    seen = opened(cast)
    move(cast, seen, "classify")
    with pytest.raises(Conflict, match=r"has moved on: it is now P1 High, classified"):
        move(cast, seen, "dismiss")


@pytest.mark.parametrize(
    ("name", "who"),
    [("close", "responder"), ("dismiss", "responder"), ("reopen", "responder")]
    + [(name, who) for name in NAMES for who in ("auditor", "administrator", "outsider")],
)
def test_the_wrong_role_is_refused(cast: Cast, name: str, who: str) -> None:
    source = next(t.source for t in TRANSITIONS if t.name == name)
    incident = in_state(cast, source, "P2")
    with pytest.raises(GovernanceDenied, match="Your roles do not include"):
        incident_transition(incident=incident, name=name, by=cast.principal(who), reason="because")
    incident.refresh_from_db()
    assert incident.state == source
    assert Event.objects.latest("id").event == "governance_denied"


def test_a_move_is_on_record_with_its_reason(cast: Cast) -> None:
    incident = move(cast, opened(cast), "classify", "All of checkout")
    event = Event.objects.latest("id")
    assert (event.event, event.target) == (
        "incident_classified",
        f"incidents.incident:{incident.number}",
    )
    assert b"All of checkout" in bytes(event.entry)
    assert incident.timeline.first().text == "Classified: All of checkout"


def test_two_commanders_at_once_get_one_effect_and_one_clear_message(committed_cast: Cast) -> None:
    incident = opened(committed_cast)
    start, results = threading.Barrier(2), []

    def press() -> None:
        start.wait()
        try:
            results.append(move(committed_cast, incident, "classify").state)
        except Conflict as refused:
            results.append(refused.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.startswith("INC-") for result in results) == [False, True]
    assert Event.objects.filter(event="incident_classified").count() == 1


def test_a_reopened_incident_is_worked_again(cast: Cast) -> None:
    again = move(cast, in_state(cast, State.CLOSED), "reopen")
    assert (again.state, again.ended_at) == (State.INVESTIGATING, None)


def test_severity_changes_with_a_reason_and_counts_as_a_move(cast: Cast) -> None:
    incident = opened(cast, "P2")
    changed = incident_change_severity(
        incident=incident, by=cast.principal("commander"), severity=Severity.P0, reason="Spreads"
    )
    assert (changed.severity, changed.version) == ("P0", incident.version + 1)
    with pytest.raises(Conflict, match="P0 already"):
        incident_change_severity(
            incident=changed, by=cast.principal("commander"), severity=Severity.P0, reason="x"
        )


def test_a_superuser_who_moves_it_behind_the_triggers_is_found(committed_cast: Cast) -> None:
    incident = opened(committed_cast)
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE incidents_incident DISABLE TRIGGER ALL")
        superuser.execute(f"UPDATE incidents_incident SET title = 'x' WHERE id = {incident.pk}")
    report = Report()
    verify(report, rows=True)
    assert [p.detail.split(" is not")[0] for p in report.problems] == [
        f"incidents_incident {incident.pk}"
    ]


def test_ways_lead_where_they_say(cast: Cast) -> None:
    for state in WAYS:
        assert in_state(cast, state, "P2").state == state


def test_history_shows_who_changed_what(cast: Cast) -> None:
    incident = move(cast, opened(cast), "classify")
    newest = incident.history.first()
    assert newest.history_user == cast.commander
    assert newest.event_id == Event.objects.latest("id").pk
