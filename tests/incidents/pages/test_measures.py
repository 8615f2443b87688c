"""How incidents went, in figures: right, of what the reader may see, and at one price."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.accounts import user_create
from audit.models import User
from audit.rows import row_save
from incidents.models import ClockLeg, Incident, Notification, Reason, Service, Team
from incidents.models.clock import ClockKind
from incidents.pages.charts import HEIGHT, bars
from incidents.procedure import State
from incidents.selectors.measures import Figures, Measures, Period, Time, Week
from incidents.selectors.pages import pages_by_person
from incidents.services.clocks import current_clocks
from incidents.services.restriction import incident_restrict
from incidents.severity import DEFINITIONS
from incidents.sla import ClockState, verdict
from tests.incidents.arranging import alert, recorded
from tests.incidents.making import in_state, opened
from tests.incidents.pages.conftest import SignIn
from tests.incidents.pages.test_dashboard import queries
from tests.people import TESTS, Cast

PAGE, CSV = reverse("incidents:measures"), reverse("incidents:measures-csv")


def figures(cast: Cast, who: str = "auditor", **wanted: object) -> Figures:
    now = timezone.now()
    period = Period(now - timedelta(days=30), now + timedelta(minutes=1), **wanted)  # type: ignore[arg-type] # as asked
    return Figures(getattr(cast, who), period)


def since(ago: timedelta, severity: str = "P1", **fields: object) -> Incident:
    """Detected then, with its response clock running since."""
    at = timezone.now() - ago
    target = DEFINITIONS[severity].response
    incident = Incident(title="Slow", severity=severity, detected_at=at, **fields)

    def change() -> None:
        incident.save()
        ClockLeg.objects.create(
            incident=incident,
            kind=ClockKind.RESPOND,
            cycle=1,
            position=1,
            phase=ClockLeg.Phase.RUNNING,
            severity=severity,
            began_at=at,
            target=target,
            target_at=at + target,
            policy_version="made-up",
        )

    recorded(change)
    return incident


def test_times_are_medians_and_means_of_those_that_got_that_far(cast: Cast) -> None:
    for state in (State.ACKNOWLEDGED, State.DOCUMENTING, State.DETECTED):
        in_state(cast, state)
    whole = figures(cast).whole()
    assert whole.incidents == 3
    acknowledged = Incident.objects.filter(acknowledged_at__isnull=False)
    spans = sorted(i.acknowledged_at - i.detected_at for i in acknowledged)
    assert len(spans) == 2
    assert abs(whole.acknowledge.median - sum(spans, timedelta()) / 2) < timedelta(milliseconds=1)
    resolved = Incident.objects.get(resolved_at__isnull=False)
    assert whole.resolve.median == whole.resolve.mean == resolved.resolved_at - resolved.detected_at
    assert whole.detect.median is None, "no alert said when it began"


def test_the_time_to_detect_begins_where_the_first_alert_says(cast: Cast) -> None:
    begun = timezone.now() - timedelta(minutes=10)
    incident = alert(cast, "slow", starts_at=begun)
    alert(cast, "ahead", starts_at=timezone.now() + timedelta(days=1))
    detect = figures(cast).whole().detect
    assert detect.mean == (incident.detected_at - begun) / 2, "a clock that is ahead counts as none"


def test_drills_and_false_positives_do_not_count(cast: Cast) -> None:
    opened(cast)
    opened(cast, is_drill=True)
    in_state(cast, State.FALSE_POSITIVE)
    assert figures(cast).whole().incidents == 1
    assert [each.incidents for each in figures(cast).by_severity()] == [1]
    assert sum(week.incidents for week in figures(cast).by_week()) == 1


def test_a_hidden_incident_moves_no_figure(cast: Cast) -> None:
    seen, hidden = opened(cast, "P2"), opened(cast, "P0")
    before = figures(cast, "auditor").whole()
    assert before.incidents == 2
    incident_restrict(incident=hidden, by=cast.principal("commander"), reason="security")
    found = figures(cast, "responder")
    assert found.whole().incidents == 1
    assert [each.name for each in found.by_severity()] == [seen.severity]
    ran = sum(promise.clocks for promise in found.promises())
    assert ran == len(current_clocks(seen))


def test_a_missed_deadline_is_what_the_clocks_say(cast: Cast) -> None:
    late = since(timedelta(hours=3), "P1")
    kept = since(timedelta(minutes=3), "P1")
    called_off = in_state(cast, State.FALSE_POSITIVE)
    now, expected = timezone.now(), {}
    for incident in (late, kept):
        for kind, legs in current_clocks(incident).items():
            state = verdict([leg.to_leg() for leg in legs], now).state
            ran, missed = expected.get(kind, (0, 0))
            expected[kind] = ran + 1, missed + (state is ClockState.BREACHED)
    assert expected == {"respond": (2, 1)}
    found = {p.kind.value: (p.clocks, p.breached) for p in figures(cast).promises()}
    assert found == expected
    assert called_off.pk
    whole = figures(cast).whole()
    assert (whole.clocks, whole.breached, whole.breach_rate) == (2, 1, 0.5)


def test_a_clock_of_many_legs_counts_once(cast: Cast) -> None:
    incident = in_state(cast, State.INVESTIGATING, "P0")
    kinds = set(ClockLeg.objects.filter(incident=incident).values_list("kind", flat=True))
    assert {p.kind.value for p in figures(cast).promises()} == kinds
    assert all(p.clocks == 1 and p.breached == 0 for p in figures(cast).promises())


def test_services_and_those_without_one_are_told_apart(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    since(timedelta(hours=5), service=service)
    since(timedelta(minutes=1))
    since(timedelta(minutes=1))
    rows = {each.name: each for each in figures(cast).by_service()}
    assert {name: (row.incidents, row.breached) for name, row in rows.items()} == {
        "No service": (2, 0),
        "API": (1, 1),
    }
    only = figures(cast, service=service.pk)
    assert only.whole().incidents == 1
    assert figures(cast, severity="P3").whole() == Measures("All", 0, *[Time(None, None)] * 3)


def test_weeks_without_an_incident_are_told_too(cast: Cast) -> None:
    since(timedelta(days=22), "P3")
    since(timedelta(minutes=1), "P0")
    weeks = figures(cast).by_week()
    assert len(weeks) in {5, 6}
    full = [week for week in weeks if week.incidents]
    assert [week.by_severity for week in full] == [(0, 0, 0, 1), (1, 0, 0, 0)]
    assert all(week.begins.weekday() == week.begins.hour == 0 for week in weeks)


def test_a_week_begins_at_midnight_of_the_viewer(cast: Cast) -> None:
    opened(cast)
    with timezone.override("America/New_York"):
        now = timezone.now()
        # The clocks change within.
        weeks = Figures(cast.auditor, Period(now - timedelta(days=364), now)).by_week()
    assert {week.begins.hour for week in weeks} == {0}
    assert {week.begins.utcoffset() for week in weeks} == {timedelta(hours=-5), timedelta(hours=-4)}
    assert sum(week.incidents for week in weeks) == 1


def test_a_column_stands_on_the_ground_and_its_parts_on_each_other() -> None:
    now = timezone.now()
    chart = bars([Week(now, (1, 0, 2, 1)), Week(now, (0, 0, 0, 0))])
    assert chart is not None
    assert chart.most == 4
    full, empty = chart.columns
    assert [part.severity.value for part in full.parts] == ["P0", "P2", "P3"]
    bottoms = [part.y + part.height for part in full.parts]
    assert bottoms[0] == HEIGHT
    assert bottoms[1:] == [part.y for part in full.parts[:-1]]
    assert full.parts[-1].y == pytest.approx(0)
    assert empty.parts == []
    assert bars([]) is None


def test_the_page_tells_them(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("auditor")
    assert "No incident in this period" in client.get(PAGE).text
    in_state(cast, State.DOCUMENTING, "P0")
    page = client.get(PAGE).text
    for words in ("Time to acknowledge", "Incidents by week", "Deadlines", "By service", "median"):
        assert words in page
    assert "No incident in this period" in client.get(PAGE, {"range": "90d", "severity": "P3"}).text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"range": "custom"}, "Say from when."),
        (
            {"range": "custom", "since": "2026-01-02T00:00", "until": "2026-01-01T00:00"},
            "This is not after the beginning.",
        ),
        ({"range": "custom", "since": "1990-01-01T00:00"}, "At most five years"),
        ({"range": "custom", "since": "yesterday"}, "Enter a valid date/time."),
        ({"range": "ages"}, "Select a valid choice."),
        ({"range": "90d", "service": "x"}, "Select a valid choice."),
    ],
)
def test_a_period_that_is_none_is_named(
    cast: Cast, sign_in: SignIn, asked: dict[str, str], said: str
) -> None:
    client = sign_in("auditor")
    answer = client.get(PAGE, asked)
    assert answer.status_code == 200
    assert said in answer.text
    refused = client.get(CSV, asked)
    assert refused.status_code == 400
    assert said in refused.text


def test_as_csv_a_name_is_never_a_formula(cast: Cast, sign_in: SignIn) -> None:
    service = Service(slug="sum", name="=SUM(1)")
    row_save(instance=service, by=TESTS)
    since(timedelta(hours=2), service=service)
    answer = sign_in("auditor").get(CSV)
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["group"], row["name"], row["incidents"]) for row in rows] == [
        ("all", "All", "1"),
        ("severity", "P1", "1"),
        ("service", "'=SUM(1)", "1"),
        ("team", "No team", "1"),
    ]
    assert rows[0]["detect_median_s"] == ""
    assert (rows[0]["clocks"], rows[0]["clocks_breached"]) == ("1", "1")


@pytest.mark.parametrize("path", [PAGE, CSV])
def test_who_may_see_no_incident_finds_nothing(cast: Cast, sign_in: SignIn, path: str) -> None:
    assert sign_in("outsider").get(path).status_code == 404


def test_it_costs_the_same_for_one_and_for_many(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("auditor")
    opened(cast)
    client.get(PAGE)
    few = queries(client, PAGE)
    for severity in ("P0", "P1", "P2", "P3"):
        since(timedelta(days=9), severity)
    assert queries(client, PAGE) == few


# --- Teams, and who was paged ----------------------------------------------------------------------


def paged(
    cast: Cast, incident: Incident, who: str, *instants: str, event: int | None = None
) -> None:
    def change() -> None:
        for number, at in enumerate(instants):
            Notification.objects.create(
                incident=incident,
                reason=Reason.NOTIFIED,
                kind="email",
                person=User.objects.get(username=who),
                message={},
                dedup_key="x",
                queued_at=at,
                event_id=event or 1000 + number,
                state="sink",
                settled_at=at,
            )

    recorded(change)


def test_a_team_has_the_incidents_of_its_services(cast: Cast) -> None:
    team = Team(slug="pay", name="Payments")
    row_save(instance=team, by=TESTS)
    for slug in ("cards", "banks"):
        service = Service(slug=slug, name=slug, team=team)
        row_save(instance=service, by=TESTS)
        since(timedelta(hours=3), service=service)
    since(timedelta(minutes=1))
    found = [
        (each.name, each.incidents, each.clocks, each.breached) for each in figures(cast).by_team()
    ]
    assert found == [("Payments", 2, 2, 2), ("No team", 1, 1, 0)]


def test_night_and_weekend_are_those_of_the_person(cast: Cast) -> None:
    cast.responder.time_zone = "Asia/Tokyo"
    row_save(instance=cast.responder, by=TESTS)
    incident = opened(cast)
    # In Tokyo: Friday 21:59:59, Friday 22:00, Saturday 06:59:59, Saturday 07:00, Monday 00:30.
    paged(
        cast,
        incident,
        "responder",
        "2026-11-20T12:59:59Z",
        "2026-11-20T13:00:00Z",
        "2026-11-20T21:59:59Z",
        "2026-11-20T22:00:00Z",
        "2026-11-22T15:30:00Z",
    )
    paged(cast, incident, "commander", "2026-11-20T13:00:00Z")
    found = pages_by_person(cast.commander, figures(cast))
    assert [(p.name, p.pages, p.at_night, p.at_weekend) for p in found] == [
        ("responder", 5, 3, 2),
        ("commander", 1, 0, 0),
    ]
    assert found[0].time_zone == "Asia/Tokyo"


def test_one_occasion_is_one_page_however_many_messages_it_took(cast: Cast) -> None:
    incident, at = opened(cast), "2026-11-20T13:00:00Z"
    paged(cast, incident, "responder", at, at, at, event=7)
    (found,) = pages_by_person(cast.commander, figures(cast))
    assert (found.pages, found.at_night) == (1, 0)


def test_drills_and_what_is_hidden_page_nobody(cast: Cast) -> None:
    at = "2026-11-20T23:00:00Z"
    paged(cast, opened(cast, is_drill=True), "responder", at)
    paged(cast, in_state(cast, State.FALSE_POSITIVE), "responder", at)
    hidden = opened(cast)
    paged(cast, hidden, "responder", at)
    incident_restrict(incident=hidden, by=cast.principal("commander"), reason="security")
    assert len(pages_by_person(cast.commander, figures(cast, "commander"))) == 1
    assert pages_by_person(cast.approver, figures(cast, "approver")) == []


def test_who_staffs_no_incident_sees_only_their_own_pages(cast: Cast, sign_in: SignIn) -> None:
    incident, at = opened(cast), "2026-11-20T23:00:00Z"
    for who in ("responder", "commander"):
        paged(cast, incident, who, at)
    csv_address = reverse("incidents:measures-pages-csv")
    for who, names in (
        ("commander", ["commander", "responder"]),
        ("responder", ["responder"]),
        ("auditor", []),
    ):
        client = sign_in(who)
        rows = list(csv.reader(io.StringIO(client.get(csv_address).text)))
        assert rows[0] == ["person", "time_zone", "pages", "at_night", "at_weekend"]
        assert [row[0] for row in rows[1:]] == names
        table = client.get(PAGE).text.partition('class="v-table v-paged"')[2]
        assert [name for name in ("commander", "responder") if f">{name} <" in table] == names
    assert sign_in("outsider").get(csv_address).status_code == 404


def test_a_name_is_no_formula_in_a_spreadsheet_of_pages(cast: Cast, sign_in: SignIn) -> None:
    user_create(user=User(username="@SUM"), password="x", roles=[], by=TESTS)
    paged(cast, opened(cast), "@SUM", "2026-11-20T23:00:00Z")
    text = sign_in("commander").get(reverse("incidents:measures-pages-csv")).text
    assert "\r\n'@SUM,UTC,1,1,0\r\n" in text


def test_pages_cost_the_same_however_many_there_are(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("commander")
    paged(cast, incident, "responder", "2026-11-20T23:00:00Z")
    few = queries(client, PAGE)
    for who in ("commander", "approver"):
        paged(cast, incident, who, *["2026-11-20T23:00:00Z"] * 50)
    assert queries(client, PAGE) == few
