"""Notes, roles and postmortems: what people write while they work an incident."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.models import Event
from incidents.models import IncidentRole, Postmortem, TimelineEntry
from incidents.procedure import State
from incidents.selectors import timeline as lines
from incidents.services.incidents import incident_assign, incident_open
from incidents.services.postmortems import FIELDS, postmortem_accept, postmortem_write
from incidents.services.publishing import status_update
from incidents.services.timeline import timeline_note
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from tests.incidents.making import in_state, move, opened, submitted, written
from tests.people import Cast

Role = IncidentRole.Role


def test_a_note_has_when_it_happened_and_when_it_was_written(cast: Cast) -> None:
    incident = opened(cast)
    before = incident.detected_at - timedelta(hours=1)
    note = timeline_note(
        incident=incident, by=cast.principal("responder"), text=" Disk full ", occurred_at=before
    )
    assert (note.text, note.author, note.occurred_at) == (
        "Disk full",
        cast.principal("responder").recorded,
        before,
    )
    assert note.recorded_at > before
    assert note.event_id == Event.objects.latest("id").pk


def test_a_correction_supersedes_and_leaves_the_first_as_it_was(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("responder")
    wrong = timeline_note(incident=incident, by=by, text="Disk full")
    timeline_note(incident=incident, by=by, text="Inodes full", supersedes=wrong)
    wrong.refresh_from_db()
    assert (wrong.text, wrong.superseded_by.text) == ("Disk full", "Inodes full")
    with pytest.raises(ValidationFailed, match="already corrected"):
        timeline_note(incident=incident, by=by, text="Again", supersedes=wrong)


def test_only_notes_of_the_same_incident_are_corrected(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("responder")
    step = incident.timeline.get(kind=TimelineEntry.Kind.TRANSITION)
    elsewhere = timeline_note(incident=opened(cast), by=by, text="Elsewhere")
    for entry in (step, elsewhere):
        with pytest.raises(ValidationFailed, match="Only notes"):
            timeline_note(incident=incident, by=by, text="x", supersedes=entry)


@pytest.mark.parametrize("text", ["", " \n ", "a\0b", "x" * 10_001])
def test_what_cannot_be_a_note_is_refused_by_field(cast: Cast, text: str) -> None:
    incident = opened(cast)
    for service in (timeline_note, status_update):
        with pytest.raises(ValidationFailed) as refused:
            service(incident=incident, by=cast.principal("responder"), text=text)
        assert refused.value.errors[0].field == "text"


def test_nothing_is_noted_from_the_future(cast: Cast) -> None:
    incident = opened(cast)
    with pytest.raises(ValidationFailed, match="future"):
        timeline_note(
            incident=incident,
            by=cast.principal("responder"),
            text="x",
            occurred_at=incident.detected_at + timedelta(hours=1),
        )


@pytest.mark.parametrize("name", ["auditor", "administrator", "outsider"])
def test_who_does_not_respond_does_not_write(cast: Cast, name: str) -> None:
    incident = opened(cast)
    for service in (timeline_note, status_update):
        with pytest.raises(GovernanceDenied):
            service(incident=incident, by=cast.principal(name), text="x")


def test_a_role_is_handed_over(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("commander")
    incident_assign(incident=incident, by=by, role=Role.COMMANDER, user=cast.commander)
    incident_assign(incident=incident, by=by, role=Role.COMMANDER, user=cast.approver)
    held = incident.roles.get(ended_at=None)
    assert (held.user, incident.roles.count()) == (cast.approver, 2)
    assert (
        lines.timeline(incident, limit=1).rows[0].text
        == "Commander: approver, handed over by commander"
    )
    with pytest.raises(Conflict, match="already"):
        incident_assign(incident=incident, by=by, role=Role.COMMANDER, user=cast.approver)


def test_a_role_goes_to_somebody_who_may_work_incidents(cast: Cast) -> None:
    with pytest.raises(ValidationFailed, match="may not work incidents"):
        incident_assign(
            incident=opened(cast),
            by=cast.principal("commander"),
            role=Role.SCRIBE,
            user=cast.auditor,
        )


def test_the_database_keeps_a_role_for_one(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("commander")
    held = incident_assign(incident=incident, by=by, role=Role.SCRIBE, user=cast.commander)
    with pytest.raises(IntegrityError, match="held_by_one"), transaction.atomic():
        IncidentRole.objects.create(
            incident=incident, role=Role.SCRIBE, user=cast.approver, assigned_at=held.assigned_at
        )


def test_a_report_needs_a_title(cast: Cast) -> None:
    incident = opened(cast)
    incident.pk, incident.title, incident._state.adding = None, "  ", True
    with pytest.raises(ValidationFailed) as refused:
        incident_open(incident=incident, by=cast.principal("responder"))
    assert refused.value.errors[0].field == "title"


def test_a_postmortem_begins_with_documentation(cast: Cast) -> None:
    with pytest.raises(Conflict, match="once the fix is verified"):
        written(cast, in_state(cast, State.FIXING))


def test_two_writers_lose_nothing(cast: Cast) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    written(cast, incident)
    with pytest.raises(Conflict, match="Somebody else wrote"):
        written(cast, incident, author="commander")
    fields = dict.fromkeys(FIELDS, "Merged.")
    by = cast.principal("commander")
    again = postmortem_write(incident=incident, by=by, fields=fields, version=1)
    assert (again.version, again.author, again.history.count()) == (2, cast.commander, 2)


def test_a_second_person_accepts_exactly_what_they_read(cast: Cast) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    postmortem = submitted(cast, incident, author="commander")
    with pytest.raises(GovernanceDenied, match="second person"):
        postmortem_accept(postmortem=postmortem, by=cast.principal("commander"), version=3)
    with pytest.raises(GovernanceDenied, match="roles do not include"):
        postmortem_accept(postmortem=postmortem, by=cast.principal("responder"), version=3)
    with pytest.raises(Conflict, match="rewritten since"):
        postmortem_accept(postmortem=postmortem, by=cast.principal("approver"), version=0)
    postmortem_accept(postmortem=postmortem, by=cast.principal("approver"), version=3)
    with pytest.raises(Conflict, match="no longer changes"):
        postmortem_write(incident=incident, by=cast.principal("responder"), fields={}, version=3)


def test_the_database_wants_four_eyes_too(cast: Cast) -> None:
    postmortem = written(cast, in_state(cast, State.POSTMORTEM), author="commander")
    with pytest.raises(IntegrityError, match="wrote a part"), transaction.atomic():
        Postmortem.objects.filter(pk=postmortem.pk).update(
            accepted_by=cast.commander, accepted_at=postmortem.written_at
        )


def test_one_postmortem_an_incident(cast: Cast) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    written(cast, incident)
    assert move(cast, in_state(cast, State.DOCUMENTING), "postmortem").state == State.POSTMORTEM
    with pytest.raises(IntegrityError, match="one_per_incident"), transaction.atomic():
        Postmortem.objects.create(
            incident=incident, author=cast.commander, written_at=incident.detected_at
        )
