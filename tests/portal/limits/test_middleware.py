"""What a caller is told who is not served now, and that nobody else notices."""

import gzip
import json
from dataclasses import replace

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as Away

from incidents.models import AlertReceipt, Incident
from incidents.services.incidents import incident_open
from portal.limits import middleware, rates
from portal.limits.load import Load, load
from portal.limits.places import NoPlace, Places
from portal.limits.table import LANES, RATES, Priority
from tests.people import Cast
from tests.portal.conftest import FakeClock

ALERTS, ALERTMANAGER = "/api/v1/alerts/", "/api/v1/ingest/alertmanager/"


@pytest.fixture
def short_of_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "cpu", 0.95)


@pytest.fixture
def person(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.commander)
    return client


@pytest.fixture
def detector(cast: Cast) -> Client:
    return Client(headers={"Authorization": f"Bearer {cast.secret}"})


@pytest.fixture
def urgent(cast: Cast) -> str:
    incident = Incident(title="All is down", severity="P0")
    return incident_open(incident=incident, by=cast.principal("commander")).number


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what may be asked for in a minute."""
    tenth = {n: replace(r, per_minute=r.per_minute // 10) for n, r in RATES.items()}
    monkeypatch.setattr(rates, "RATES", tenth)


def shed(client: Client, **labels: str) -> float:
    text = client.get("/metrics").content.decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "vigil_shed_total" and labels.items() <= sample.labels.items()
    )


def test_the_hundred_and_first_request_of_a_minute_is_refused(person: Client) -> None:
    # The first of a session shows whose it is.
    person.get("/account/")
    for _ in range(100):
        assert person.get("/account/").status_code == 200
    refused = person.get("/account/", headers={"Accept": "application/json"})
    assert refused.status_code == 429
    body = refused.json()
    assert (body["status"], body["error_code"]) == ("too_many_requests", "RATE_LIMIT_EXCEEDED")
    assert 1 <= body["retry_after"] <= 60
    assert refused.headers["Retry-After"] == str(body["retry_after"])
    assert body["trace_id"] == refused.headers["X-Trace-Id"]


def test_sessions_of_one_person_share_what_they_may(few: None, person: Client, cast: Cast) -> None:
    other = Client()
    other.force_login(cast.commander)
    other.get("/account/")
    for _ in range(11):
        person.get("/account/")
    assert other.get("/account/").status_code == 429
    stranger = Client()
    stranger.force_login(cast.responder)
    assert stranger.get("/account/").status_code == 200


def test_who_has_read_too_much_still_acts_on_a_p0(few: None, person: Client, urgent: str) -> None:
    for _ in range(11):
        person.get("/account/")
    assert person.get("/account/").status_code == 429
    written = person.post(f"/incidents/{urgent}/timeline/add/", {"text": "Restarted."})
    assert written.status_code == 302


def test_an_open_page_does_not_use_up_what_is_clicked(
    few: None, person: Client, urgent: str
) -> None:
    for _ in range(18):
        assert person.get(f"/incidents/{urgent}/live/").status_code == 200
    assert person.get("/account/").status_code == 200


def test_made_up_tokens_buy_nothing(few: None, db: None) -> None:
    for number in range(60):
        Client(headers={"Authorization": f"Bearer made-up-{number}"}).post(ALERTS)
    last = Client(headers={"Authorization": "Bearer made-up-60"}).post(ALERTS)
    assert last.status_code == 429


def test_nobody_without_a_session_asks_too_often(few: None, db: None) -> None:
    client = Client()
    for _ in range(10):
        client.get("/login/")
    assert client.get("/login/").status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.7").get("/login/").status_code == 200


def test_under_load_reading_gives_way_and_urgent_work_does_not(
    short_of_cpu: None, person: Client, detector: Client, urgent: str
) -> None:
    before = shed(person, reason="cpu", priority="read")
    refused = person.get("/api/v1/incidents/")
    assert (refused.status_code, refused.json()["retry_after"]) == (429, 60)
    assert refused.json()["message"] == "System under heavy load. Please retry."
    assert detector.post(ALERTS, {"summary": "x"}, "application/json").status_code == 202
    assert person.post(f"/incidents/{urgent}/timeline/add/", {"text": "x"}).status_code == 302
    assert person.get(f"/incidents/{urgent}/").status_code == 200
    assert shed(person, reason="cpu", priority="read") == before + 1


def test_a_refusal_asks_neither_session_nor_database(
    short_of_cpu: None, person: Client, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator] # pytest-django's
        assert person.get("/incidents/incident/").status_code == 429


def test_health_and_metrics_answer_under_any_load(
    short_of_cpu: None, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_who: str, _priority: Priority) -> None:
        raise NoPlace("queue")

    monkeypatch.setattr(middleware.places, "enter", full)
    for _ in range(120):
        assert Client().get("/health/live").status_code == 200
    assert Client().get("/metrics").status_code == 200


@pytest.mark.parametrize(("path", "status"), [(ALERTMANAGER, 503), (ALERTS, 429)])
def test_alertmanager_is_told_to_come_back_since_it_drops_on_429(
    detector: Client, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    def full(_who: str, _priority: Priority) -> None:
        raise NoPlace("queue")

    monkeypatch.setattr(middleware.places, "enter", full)
    refused = detector.post(path, {"summary": "x"}, "application/json")
    assert refused.status_code == status
    assert refused.json()["error_code"] == "RATE_LIMIT_EXCEEDED"
    assert refused.headers["Retry-After"] == "60"
    assert not AlertReceipt.objects.exists()


def test_a_person_sees_a_page_that_says_when(short_of_cpu: None, person: Client) -> None:
    refused = person.get("/incidents/incident/", headers={"Accept": "text/html"})
    assert refused.status_code == 429
    page = refused.content.decode()
    assert "System under heavy load" in page
    assert "tries again in 60 seconds" in page


def test_a_form_sent_by_a_script_is_refused_beside_its_text(
    short_of_cpu: None, person: Client
) -> None:
    headers = {"HX-Request": "true", "Accept": "text/html"}
    refused = person.post("/incidents/report/", {"title": "x"}, headers=headers)
    assert refused.status_code == 429
    assert refused.headers["X-Vigil-Fragment"] == "refusal"
    fragment = refused.content.decode()
    assert "Your text is kept; try again in 60 seconds" in fragment
    assert "<html" not in fragment
    assert not Incident.objects.exists()


def test_without_the_cache_nothing_is_counted_and_everything_let_through(
    few: None, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: object) -> bool:
        raise Away

    monkeypatch.setattr(rates.rates()._strategy, "hit", away)
    before = rates.OPENED._value.get()
    for _ in range(15):
        assert person.get("/account/").status_code == 200
    assert rates.OPENED._value.get() >= before + 15


def test_every_place_is_given_back_also_when_a_view_fails(
    person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Places(middleware.board)
    monkeypatch.setattr(middleware, "places", own)
    person.raise_request_exception = False
    monkeypatch.setattr("audit.selectors.event_list", None, raising=False)
    person.get("/audit/")
    person.get("/nothing/here/")
    assert not own._under_way
    assert sum(middleware.board.totals()[0].values()) == 0


class TestBodies:
    @pytest.mark.parametrize("path", [ALERTS, "/login/", "/incidents/report/"])
    @pytest.mark.django_db
    def test_one_that_says_it_is_too_large_is_refused_unread(self, path: str) -> None:
        refused = Client().post(
            path,
            b"",
            "application/json",
            headers={"Accept": "application/json"},
            CONTENT_LENGTH=str(10 * 1024 * 1024 + 1),
        )
        assert refused.status_code == 413
        assert refused.json()["error_code"] == "PAYLOAD_TOO_LARGE"

    def test_one_that_unpacks_to_too_much_is_refused(self, detector: Client) -> None:
        bomb = gzip.compress(b" " * (10 * 1024 * 1024 + 1))
        refused = detector.post(
            ALERTS, bomb, "application/json", headers={"Content-Encoding": "gzip"}
        )
        assert refused.status_code == 413

    def test_a_large_one_within_the_limit_is_taken(self, detector: Client) -> None:
        alert = {"summary": "x", "annotations": {"text": "y" * 1000}}
        body = json.dumps([alert] * 500)
        assert detector.post(ALERTS, body, "application/json").status_code == 202


class TestLoad:
    def test_processor_counts_once_it_has_been_used_for_a_while(
        self, fake_clock: FakeClock
    ) -> None:
        seen, used = Load(), 0.0
        for _ in range(12):
            seen.note(resident=0, used={1: used}, machine=0.5)
            used += 0.5 * seen.cores
            fake_clock.sleep(0.5)
        assert seen.short_of == "cpu"
        for _ in range(8):
            seen.note(resident=0, used={1: used}, machine=0.5)
            fake_clock.sleep(0.5)
        assert seen.short_of == ""

    def test_places_come_back_bit_by_bit(self) -> None:
        seen = Load()
        seen.note(resident=2 * 1024**3, used={}, machine=0)
        shares = [seen.eased]
        for _ in range(12):
            seen.note(resident=0, used={}, machine=0)
            shares.append(seen.eased)
        assert shares[0] == 0
        assert shares == sorted(shares)
        assert 0 < shares[1] < shares[-1] == pytest.approx(1)

    def test_others_may_fill_the_machine(self, fake_clock: FakeClock) -> None:
        seen = Load()
        for _ in range(20):
            seen.note(resident=0, used={1: 0.0}, machine=1.0)
            fake_clock.sleep(0.5)
        assert seen.machine > 0.8
        assert seen.short_of == ""

    def test_memory_counts_from_nine_tenths_of_two_gigabytes(self) -> None:
        seen = Load()
        seen.note(resident=0.9 * 2 * 1024**3, used={}, machine=0)
        assert seen.short_of == ""
        seen.note(resident=0.9 * 2 * 1024**3 + 1, used={}, machine=0)
        assert seen.short_of == "memory"


def test_every_priority_has_its_lane() -> None:
    assert set(LANES) == set(Priority)
