import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.rows import row_save
from incidents.models import Incident, IncidentRole
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.selectors import timeline as lines
from incidents.services.clocks import clock_pause
from incidents.services.incidents import incident_assign
from incidents.services.publishing import status_update
from incidents.services.timeline import timeline_note
from tests.incidents.arranging import alert, many_alerts, many_entries, recorded
from tests.incidents.making import in_state, move, opened, written
from tests.incidents.pages.conftest import SignIn
from tests.incidents.pages.test_dashboard import queries
from tests.people import TESTS, Cast

SCRIPT = {"HX-Request": "true"}


def address(incident: Incident, name: str = "incident-detail") -> str:
    return reverse(f"incidents:{name}", args=[incident.pk])


def ids(text: str, prefix: str) -> list[int]:
    return [int(number) for number in re.findall(rf'<li id="{prefix}-(\d+)"', text)]


def test_it_shows_where_the_incident_stands(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.CONTAINED)
    page = sign_in("commander").get(address(incident)).text
    assert "Step 6 of 10: Investigation" in page
    assert page.count("v-step--done") == 5
    assert page.count("v-step--current") == 1
    assert "Review logs" in page


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("commander", {"move-investigate", "move-dismiss-false_positive", "take-command"}),
        ("responder", {"move-investigate"}),
        ("auditor", set()),
    ],
)
def test_people_are_offered_what_their_roles_permit(
    cast: Cast, sign_in: SignIn, name: str, offered: set[str]
) -> None:
    page = sign_in(name).get(address(in_state(cast, State.CONTAINED))).text
    buttons = set(re.findall(r'id="(move-[\w-]+|take-command|change-severity)"', page))
    assert offered <= buttons
    assert ("change-severity" in buttons) is (name == "commander")
    assert ('id="note-form"' in page) is (name != "auditor")
    assert len(buttons) == len(offered) + (name == "commander")


@pytest.mark.parametrize("name", ["auditor", "responder"])
def test_the_ledger_is_linked_for_those_who_may_read_it(
    cast: Cast, sign_in: SignIn, name: str
) -> None:
    incident = opened(cast)
    page = sign_in(name).get(address(incident)).text
    link = f"/audit/?about=incidents.incident:{incident.number}"
    assert (link in page) is (name == "auditor")


def test_clocks_are_told_in_words(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.NOTIFIED)
    clock_pause(
        incident=incident,
        by=cast.principal("commander"),
        kind=ClockKind.RESPOND,
        reason="Waiting for the vendor",
    )
    page = sign_in("auditor").get(address(incident)).text
    assert "</span>Running" in re.sub(r"\s+", " ", page).replace("</span> ", "</span>")
    assert "Waiting for the vendor" in page
    assert "Starts when the incident is acknowledged" in page
    assert 'data-until="' in page


def test_alerts_show_what_the_detector_said_and_when_it_came(cast: Cast, sign_in: SignIn) -> None:
    skewed = timezone.now() - timedelta(days=400)
    incident = alert(
        cast,
        summary="Disk <full>",
        starts_at=skewed,
        labels={"items": "7", "pod": "a-1"},
        links=("https://wiki.example.org/disk", "javascript:alert(1)"),
        annotations={"runbook_url": "https://wiki.example.org/disk"},
    )
    alert(cast)
    page = sign_in("auditor").get(address(incident)).text
    assert "Disk &lt;full&gt;" in page
    assert f"{skewed:%Y}" in page
    assert "received 2 times" in page
    assert "<dt>items</dt><dd>7</dd>" in page
    assert "javascript:" not in page


def test_a_known_runbook_is_called_that(cast: Cast, sign_in: SignIn) -> None:
    runbook = "https://wiki.example.org/disk"
    incident = alert(cast, links=(runbook,), annotations={"runbook_url": runbook})
    page = sign_in("auditor").get(address(incident)).text
    assert re.search(r'href="https://wiki.example.org/disk"[^>]*>Runbook', page)


def test_times_are_in_the_viewers_zone_with_utc_on_hover(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    cast.auditor.time_zone = "Asia/Kathmandu"
    row_save(instance=cast.auditor, by=TESTS)
    page = sign_in("auditor").get(address(incident)).text
    local = incident.detected_at + timedelta(hours=5, minutes=45)
    assert f"{local:%H:%M:%S}</time>" in page
    assert f'title="{incident.detected_at:%Y-%m-%d %H:%M:%S} UTC"' in page
    assert "Times in Asia/Kathmandu" in page


def test_what_people_write_is_text(cast: Cast, sign_in: SignIn) -> None:
    incident, by = opened(cast), cast.principal("responder")
    text = "<b>bold</b>\nsee https://example.org/a?b=1&c=2. And example.com"
    timeline_note(incident=incident, by=by, text=text)
    page = sign_in("auditor").get(address(incident)).text
    assert '&lt;b&gt;bold&lt;/b&gt;<br>see <a href="https://example.org/a?b=1&amp;c=2"' in page
    assert "</a>. And example.com" in page


# --- Live -------------------------------------------------------------------------------------------


def poll(
    client: Client, incident: Incident, etag: str = "", since: int = 0
) -> tuple[int, str, str]:
    headers = SCRIPT | ({"If-None-Match": etag} if etag else {})
    response = client.get(address(incident, "incident-live"), {"since": since}, headers=headers)
    return response.status_code, response.text, response["ETag"]


def test_a_poll_brings_what_was_recorded_since(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("commander")
    newest = lines.newest_entry(incident)
    note = timeline_note(incident=incident, by=cast.principal("responder"), text="New words")
    status, text, etag = poll(client, incident, since=newest)
    assert status == 200
    assert ids(text, "entry") == [note.pk]
    assert f'data-newest="{note.pk}"' in text
    assert poll(client, incident, etag, since=note.pk)[0] == 304


def test_every_change_is_noticed(cast: Cast, sign_in: SignIn) -> None:
    incident, client, by = alert(cast), sign_in("commander"), cast.principal("commander")
    etag = poll(client, incident)[2]

    def is_noticed() -> bool:
        nonlocal etag
        status, _, newer = poll(client, incident, etag)
        etag = newer
        return status == 200

    assert not is_noticed()
    move(cast, incident, "classify")
    assert is_noticed()
    status_update(incident=incident, by=by, text="We look into it")
    assert is_noticed()
    alert(cast)
    assert is_noticed()
    alert(cast, status="resolved")
    assert is_noticed()
    commander = IncidentRole.Role.COMMANDER
    incident_assign(incident=incident, by=by, role=commander, user=cast.responder)
    assert is_noticed()
    clock_pause(incident=incident, by=by, kind=ClockKind.RESPOND, reason="x")
    assert is_noticed()
    assert not is_noticed()


def test_a_deadline_that_passes_is_noticed(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("auditor")
    leg = incident.clock_legs.get()
    etag = poll(client, incident)[2]

    def pass_it() -> None:
        leg.pk, leg.position = None, leg.position + 1
        leg.target_at = leg.began_at = incident.detected_at
        leg.save(force_insert=True)

    recorded(pass_it)
    status, text, _ = poll(client, incident, etag)
    assert status == 200
    assert "Breached" in text


def test_a_new_role_of_the_viewer_is_noticed(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("auditor")
    etag = poll(client, incident)[2]
    role = cast.commander.groups.get()
    row_save(instance=role, related=lambda: cast.auditor.groups.add(role), by=TESTS)
    assert poll(client, incident, etag)[0] == 200


def test_a_correction_takes_the_entry_along_that_it_corrects(cast: Cast, sign_in: SignIn) -> None:
    incident, by = opened(cast), cast.principal("responder")
    wrong = timeline_note(incident=incident, by=by, text="Disk full")
    right = timeline_note(incident=incident, by=by, text="Inodes full", supersedes=wrong)
    text = poll(sign_in("auditor"), incident, since=wrong.pk)[1]
    assert ids(text, "entry") == [right.pk, wrong.pk]
    assert re.search(rf'id="entry-{wrong.pk}"[^>]*data-only-known', text)


def test_who_comes_back_late_gets_a_new_list(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    many_entries(incident, 150)
    text = poll(sign_in("auditor"), incident, since=1)[1]
    assert "data-new-list" in text
    assert len(ids(text, "entry")) == 50


# --- Long ones --------------------------------------------------------------------------------------


def test_a_timeline_is_read_to_its_end_by_pages(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("auditor")
    many_entries(incident, 120)
    seen: list[int] = []
    page = client.get(address(incident)).text
    while True:
        seen += ids(page, "entry")
        more = re.search(r'hx-get="([^"]+timeline/\?before=[^"]+)"', page)
        if more is None:
            break
        page = client.get(more[1], headers=SCRIPT).text
    assert len(seen) == len(set(seen)) == 121
    assert seen == list(incident.timeline.values_list("pk", flat=True))


def test_entries_of_one_instant_are_neither_lost_nor_doubled(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("responder")
    at = incident.detected_at - timedelta(hours=1)
    for number in range(5):
        timeline_note(incident=incident, by=by, text=str(number), occurred_at=at)
    first = lines.timeline(incident, limit=3)
    last = first.rows[-1]
    rest = lines.timeline(incident, before=lines.Cursor(last.occurred_at, last.pk), limit=9)
    assert [entry.text for entry in first.rows[1:] + rest.rows] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize("cursor", ["", "x", "2026-01-01|1", "2026-13-01T00:00:00Z|1", "|"])
def test_a_cursor_that_is_none_starts_at_the_newest(
    cast: Cast, sign_in: SignIn, cursor: str
) -> None:
    incident = opened(cast)
    response = sign_in("auditor").get(address(incident, "timeline-older"), {"before": cursor})
    assert len(ids(response.text, "entry")) == 1


def test_alerts_are_read_to_their_end_by_pages(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("auditor")
    many_alerts(cast, incident, 120)
    page = client.get(address(incident)).text
    assert "120 firing" in page
    seen: list[int] = []
    while True:
        seen += ids(page, "alert")
        more = re.search(r'hx-get="([^"]+alerts/\?before=\d+)"', page)
        if more is None:
            break
        page = client.get(more[1], headers=SCRIPT).text
    assert seen == list(incident.alerts.order_by("-pk").values_list("pk", flat=True))


def test_the_number_of_queries_does_not_grow(cast: Cast, sign_in: SignIn) -> None:
    incident, client = in_state(cast, State.POSTMORTEM), sign_in("commander")
    written(cast, incident)
    live = f"{address(incident, 'incident-live')}?since="

    def count() -> list[int]:
        newest = lines.newest_entry(incident)
        return [queries(client, page) for page in (address(incident), f"{live}{newest}", live)]

    many_alerts(cast, incident, 1)
    few = count()
    many_entries(incident, 80)
    many_alerts(cast, incident, 1_000)
    assert count() == few
    many_entries(incident, 2_000)
    # A page that has seen none of so many gets its first fifty, and where the list ends.
    assert count() == [*few[:2], few[2] + 2]


def test_an_unchanged_poll_is_cheap(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("commander")
    etag = poll(client, incident)[2]
    with CaptureQueriesContext(connection) as captured:
        assert poll(client, incident, etag)[0] == 304
    # Session, person, their permissions, the incident, its fingerprint.
    assert len(captured) == 5
