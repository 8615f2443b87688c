"""Notes, corrections, reports and postmortems, as far as the pages themselves have a say."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.rows import row_save
from incidents.models import Incident, Postmortem
from incidents.postmortem_template import digest
from incidents.procedure import State
from incidents.services.postmortems import FIELDS
from incidents.services.timeline import timeline_note
from incidents.services.whys import why_add
from tests.incidents.making import accepted, in_state, item, opened, submitted, written
from tests.incidents.pages.conftest import SignIn
from tests.people import TESTS, Cast

SCRIPT = {"HX-Request": "true"}


def note_address(incident: Incident) -> str:
    return reverse("incidents:note-add", args=[incident.pk])


def test_when_it_happened_is_given_in_the_writers_zone(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    cast.responder.time_zone = "Asia/Kathmandu"
    row_save(instance=cast.responder, by=TESTS)
    happened = (timezone.now() - timedelta(hours=2)).replace(microsecond=0)
    local = happened + timedelta(hours=5, minutes=45)
    data = {"text": "Earlier", "occurred_at": local.strftime("%Y-%m-%dT%H:%M:%S")}
    response = sign_in("responder").post(note_address(incident), data, headers=SCRIPT)
    assert response.status_code == 204
    assert incident.timeline.get(text="Earlier").occurred_at == happened


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"text": " "}, "note_text", "Please write something"),
        ({"text": "x" * 10_001}, "note_text", "are too many"),
        ({"text": "x", "occurred_at": "soon"}, "note_occurred_at", "valid date"),
        ({"text": "x", "occurred_at": "2999-01-01T00:00"}, "note_occurred_at", "future"),
    ],
)
def test_a_note_that_cannot_be_is_refused_by_field(
    cast: Cast, sign_in: SignIn, data: dict[str, str], field: str, message: str
) -> None:
    incident = opened(cast)
    response = sign_in("responder").post(note_address(incident), data, headers=SCRIPT)
    assert response.status_code == 400
    assert f'href="#{field}"' in response.text
    assert message in response.text
    assert incident.timeline.count() == 1


def test_only_ones_own_note_is_offered_for_correction(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    note = timeline_note(incident=incident, by=cast.principal("responder"), text="Mine")
    address = reverse("incidents:incident-detail", args=[incident.pk])
    assert f'id="correct-{note.pk}"' in sign_in("responder").get(address).text
    assert f'id="correct-{note.pk}"' not in sign_in("commander").get(address).text


def test_a_correction_of_the_words_leaves_the_instant_as_it_was(
    cast: Cast, sign_in: SignIn
) -> None:
    incident = opened(cast)
    wrong = timeline_note(incident=incident, by=cast.principal("responder"), text="Disk full")
    address = reverse("incidents:note-correct", args=[incident.pk, wrong.pk])
    client = sign_in("responder")
    shown = f"{wrong.occurred_at:%Y-%m-%dT%H:%M:%S}"
    assert f'value="{shown}"' in client.get(address, headers=SCRIPT).text
    client.post(address, {"text": "Inodes full", "occurred_at": shown}, headers=SCRIPT)
    assert incident.timeline.get(text="Inodes full").occurred_at == wrong.occurred_at


def test_a_corrected_note_stays_readable(cast: Cast, sign_in: SignIn) -> None:
    incident, by = opened(cast), cast.principal("responder")
    wrong = timeline_note(incident=incident, by=by, text="Disk full")
    timeline_note(incident=incident, by=by, text="Inodes full", supersedes=wrong)
    page = sign_in("auditor").get(reverse("incidents:incident-detail", args=[incident.pk])).text
    assert "Corrected by responder" in page
    assert "Disk full" in page


# --- Reports ----------------------------------------------------------------------------------------


def test_a_report_opens_an_incident(cast: Cast, sign_in: SignIn) -> None:
    data = {"title": "Users see 500", "severity": "P2", "description": "Since lunch", "is_drill": 1}
    client = sign_in("responder")
    response = client.post(reverse("incidents:incident-report"), data, headers=SCRIPT)
    incident = Incident.objects.get()
    assert response["HX-Redirect"] == f"/incidents/{incident.number}/"
    assert (incident.title, incident.severity, incident.is_drill) == ("Users see 500", "P2", True)
    assert incident.timeline.filter(kind="note", text="Since lunch").exists()


def test_the_choice_of_severity_says_what_each_means(cast: Cast, sign_in: SignIn) -> None:
    page = sign_in("responder").get(reverse("incidents:incident-report")).text
    assert "Complete service outage, data loss, security breach" in page
    assert "Respond within 15 min" in page
    assert "Data exfiltration" in page


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"severity": "P2"}, "id_title"),
        ({"title": "x" * 300, "severity": "P2"}, "id_title"),
        ({"title": "x"}, "id_severity"),
        ({"title": "x", "severity": "P9"}, "id_severity"),
        ({"title": "x", "severity": "P2", "service": "7"}, "id_service"),
    ],
)
def test_a_report_that_cannot_be_is_refused_by_field(
    cast: Cast, sign_in: SignIn, data: dict[str, str], field: str
) -> None:
    client = sign_in("responder")
    response = client.post(reverse("incidents:incident-report"), data, headers=SCRIPT)
    assert response.status_code == 400
    assert f'href="#{field}"' in response.text
    assert not Incident.objects.exists()


def test_an_auditor_reports_nothing(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("auditor")
    address = reverse("incidents:incident-report")
    assert "do not let you open an incident" in client.get(address).text
    response = client.post(address, {"title": "x", "severity": "P2"}, headers=SCRIPT)
    assert response.status_code == 403
    assert not Incident.objects.exists()


# --- Postmortems ------------------------------------------------------------------------------------


def section(incident: Incident, name: str) -> str:
    return reverse("incidents:postmortem-section", args=[incident.pk, name])


def test_two_writers_lose_no_text(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    address, seen = section(incident, "root_cause"), digest("")
    theirs = sign_in("responder").post(address, {"text": "Theirs.", "seen": seen}, headers=SCRIPT)
    assert (theirs.status_code, theirs["HX-Retarget"]) == (200, "#section-root_cause")
    assert "Theirs." in theirs.text
    client = sign_in("commander")
    refused = client.post(address, {"text": "Mine.", "seen": seen}, headers=SCRIPT)
    assert refused.status_code == 409
    assert "responder saved this section" in refused.text
    assert "<summary>Theirs</summary><p>Theirs.</p>" in refused.text
    now = digest("Theirs.")
    assert f'id="root_cause_seen" value="{now}" hx-swap-oob="true"' in refused.text
    merged = {"text": "Theirs. And mine.", "seen": now}
    assert client.post(address, merged, headers=SCRIPT).status_code == 200
    assert Postmortem.objects.get().root_cause == "Theirs. And mine."


def test_without_a_script_a_conflict_keeps_the_text_too(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    address, seen = section(incident, "impact"), digest("")
    sign_in("responder").post(address, {"text": "Theirs.", "seen": seen})
    refused = sign_in("commander").post(address, {"text": "Mine.", "seen": seen})
    assert refused.status_code == 409
    assert "Mine.</textarea>" in refused.text


def test_what_is_written_is_shown_as_text(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    client = sign_in("responder")
    for name in FIELDS:
        client.post(section(incident, name), {"text": f"<b>{name}</b>", "seen": digest("")})
    page = client.get(reverse("incidents:postmortem", args=[incident.pk])).text
    assert page.count("&lt;b&gt;") == len(FIELDS)
    assert "<b>" not in page


def test_there_is_no_other_section(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    assert sign_in("responder").get(section(incident, "author")).status_code == 404


def test_a_page_says_at_once_what_others_wrote(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    address = reverse("incidents:postmortem-live", args=[incident.pk])
    client = sign_in("commander")
    etag = client.get(address)["ETag"]
    same = {"If-None-Match": etag}
    assert client.get(address, headers=same).status_code == 304
    sign_in("responder").post(section(incident, "impact"), {"text": "All.", "seen": digest("")})
    assert "All." in client.get(address, headers=same).text


def test_it_is_accepted_by_another_alone(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    submitted(cast, incident, "commander")
    page = reverse("incidents:postmortem", args=[incident.pk])
    accept = reverse("incidents:postmortem-accept", args=[incident.pk])
    author = sign_in("commander")
    assert "somebody else has to accept it" in author.get(page).text
    refused = author.post(accept, {"version": 3}, headers=SCRIPT)
    assert refused.status_code == 403
    assert "a second person has to" in refused.text
    other = sign_in("approver")
    assert "Accept version 3" in other.get(page).text
    assert "Accept version" not in sign_in("responder").get(page).text


def test_once_accepted_it_is_only_read(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    accepted(cast, incident)
    page = sign_in("responder").get(reverse("incidents:postmortem", args=[incident.pk])).text
    assert "Accepted by approver" in page
    assert "Edit" not in page
    assert "Ask why" not in page
    assert "Words." in page


def test_before_the_fix_is_verified_there_is_none(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.FIXING)
    client = sign_in("responder")
    page = client.get(reverse("incidents:postmortem", args=[incident.pk]))
    assert "written once the fix is verified" in page.text
    data = {"text": "x", "seen": digest("")}
    assert client.post(section(incident, "impact"), data, headers=SCRIPT).status_code == 409


def test_a_postmortem_costs_the_same_whatever_its_size(cast: Cast, sign_in: SignIn) -> None:
    counts = []
    for size in (1, 9):
        incident = in_state(cast, State.POSTMORTEM)
        postmortem, by = written(cast, incident), cast.principal("responder")
        why = None
        for number in range(size):
            above = why if number % 3 else None
            why = why_add(postmortem=postmortem, by=by, text=f"Because {number}", parent=above)
            item(cast, postmortem, text=f"Do {number}")
        client = sign_in("responder")
        address = reverse("incidents:postmortem", args=[incident.pk])
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert f"Because {size - 1}" in client.get(address).text
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_after_a_change_one_is_back_on_its_page(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    page = reverse("incidents:postmortem", args=[incident.pk])
    data = {"text": "All.", "seen": digest("")}
    saved = sign_in("responder").post(section(incident, "impact"), data)
    assert saved["Location"] == f"{page}#section-impact"


class TestImpact:
    ADDRESS = reverse("incidents:propose")

    def test_answers_propose_a_severity(self, sign_in: SignIn) -> None:
        client = sign_in("responder")
        shown = client.get(self.ADDRESS, {"impact_reach": "major"}, headers=SCRIPT).text
        assert 'data-value="P1"' in shown
        assert "Something that people mainly come for." in shown
        assert (
            "Answer one" in client.get(self.ADDRESS, {"impact_reach": "<b>"}, headers=SCRIPT).text
        )

    def test_they_stand_where_the_choice_is_made(self, cast: Cast, sign_in: SignIn) -> None:
        client, incident = sign_in("commander"), opened(cast)
        change = reverse("incidents:incident-severity", args=[incident.pk])
        for address in (reverse("incidents:incident-report"), change):
            assert "impact_harm" in client.get(address).text

    def test_not_for_whoever_sees_no_incident(self, sign_in: SignIn) -> None:
        assert sign_in("outsider").get(self.ADDRESS).status_code == 404
