"""The database is away and a replica is there: what only reads goes on, nothing else does."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import InternalError, OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from audit.gate import latch
from audit.models import Event
from incidents.models import AlertReceipt, Incident
from portal.database import keeper, replica
from portal.database.metrics import ReplicaCollector
from portal.database.middleware import HEADER
from portal.database.replica import ReplicaUnusable, Standing, usable
from portal.lib import read_only
from portal.lib.read_only import ReadOnly
from portal.lib.resilience import clock
from portal.lib.resilience.breaker import CLOSED, OPEN, circuit
from tests.incidents.api.calling import issued, with_secret
from tests.incidents.making import opened
from tests.people import Cast, with_second_factor
from tests.portal.database.conftest import Outage
from tests.stack.waiting import wait_until

BANNER = "Read only since"


@pytest.fixture
def commander(committed_cast: Cast, outage: Outage) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(committed_cast.commander)
    return client


@pytest.fixture
def incident(committed_cast: Cast) -> Incident:
    return opened(committed_cast)


def counts() -> tuple[int, int]:
    return AlertReceipt.objects.count(), Event.objects.count()


def test_every_page_is_read_with_its_session_and_permissions_and_says_so(
    commander: Client, outage: Outage, incident: Incident
) -> None:
    outage.begin()
    for path in ("/", "/incidents/incident/", f"/incidents/{incident.number}/", "/account/"):
        response = commander.get(path)
        assert response.status_code == 200, path
        text = response.content.decode()
        assert BANNER in text, path
        # By both of these the style hides what changes anything, see `tests/browser`.
        assert 'class="v-read-only"' in text, path
        assert "vigil/vigil" in text, path
        assert response[HEADER].startswith("since="), path
    assert "Checkout fails" in commander.get("/incidents/incident/").content.decode()


def test_what_somebody_may_not_see_they_may_not_see_here_either(
    committed_cast: Cast, outage: Outage
) -> None:
    outsider = Client(raise_request_exception=False)
    outsider.force_login(committed_cast.outsider)
    outage.begin()
    assert outsider.get("/audit/").status_code == 403
    visitor = Client(raise_request_exception=False).get("/incidents/incident/")
    assert (visitor.status_code, visitor["Location"][:7]) == (302, "/login/")


def test_the_api_is_read_with_a_token_and_says_as_of_when(
    committed_cast: Cast, outage: Outage, incident: Incident
) -> None:
    caller = with_secret(issued("incidents:read", user=committed_cast.commander))
    outage.begin()
    answer = caller.get("incidents/")
    assert answer.status == 200
    assert answer.body["results"][0]["title"] == "Checkout fails"
    assert "as-of=" in answer.headers[HEADER]


def test_whatever_changes_anything_is_refused_and_leaves_nothing(
    commander: Client, committed_cast: Cast, outage: Outage, incident: Incident
) -> None:
    before = counts()
    outage.begin()
    detector = with_secret(committed_cast.secret)
    alert = detector.post("alerts/", {"summary": "Disk full"})
    assert (alert.status, alert.code) == (503, "DB_UNAVAILABLE")
    assert alert.headers["Retry-After"] == "30"
    move = commander.post(f"/incidents/{incident.number}/move/classify/", {"version": 1})
    assert move.status_code == 503
    outage.end()
    later = clock.now() + 31
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        assert counts() == before


def test_what_needs_a_record_of_itself_is_not_read(committed_cast: Cast, outage: Outage) -> None:
    auditor = Client(raise_request_exception=False)
    auditor.force_login(committed_cast.auditor)
    with_second_factor(auditor, committed_cast.auditor)
    outage.begin()
    export = auditor.get("/api/v1/audit/export/?reason=because")
    assert export.status_code == 503
    assert export.json()["error_code"] == "DB_UNAVAILABLE"
    assert auditor.get("/audit/").status_code == 200


def test_nobody_signs_in(committed_cast: Cast, outage: Outage) -> None:
    outage.begin()
    client = Client(raise_request_exception=False)
    page = client.get("/login/")
    assert page.status_code == 503
    assert "Nobody can sign in" in page.content.decode()
    sent = client.post("/login/", {"username": "commander", "password": "x"})
    assert sent.status_code == 503


def test_a_latched_gate_is_still_told(committed_cast: Cast, outage: Outage) -> None:
    administrator = Client(raise_request_exception=False)
    administrator.force_login(committed_cast.administrator)
    latch.close("a rule was changed", {})
    outage.begin()
    assert "a rule was changed" in administrator.get("/governance/").content.decode()


def test_the_health_page_is_read_and_says_what_is_left(
    committed_cast: Cast, outage: Outage
) -> None:
    administrator = Client(raise_request_exception=False)
    administrator.force_login(committed_cast.administrator)
    outage.begin()
    text = administrator.get("/system/").content.decode()
    assert "Pages are read from the replica" in text


def test_the_health_page_warns_of_a_replica_that_could_not_be_read(
    committed_cast: Cast, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = Client(raise_request_exception=False)
    administrator.force_login(committed_cast.administrator)
    assert "follows the database and keeps up" not in administrator.get("/system/").content.decode()
    connections["replica"].close()
    monkeypatch.setitem(connections.settings["replica"], "HOST", str(outage.nowhere))
    assert "follows the database and keeps up" in administrator.get("/system/").content.decode()


def test_the_replica_refuses_to_be_changed_whatever_the_code_does(
    committed_cast: Cast, outage: Outage
) -> None:
    outage.begin()
    with replica.instead_of_primary():
        with pytest.raises(ReadOnly):
            opened(committed_cast)
        with pytest.raises(InternalError, match="read-only"), connection.cursor() as cursor:
            cursor.execute("UPDATE audit_user SET username = 'x'")
    assert read_only.current() is None
    assert connection.alias == "default"


def test_a_page_that_was_open_before_gets_the_banner_and_later_loses_it(
    commander: Client, outage: Outage, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = f"/incidents/{incident.number}/live/"
    etag = commander.get(poll, headers={"HX-Request": "true"})["ETag"]
    outage.begin()
    same = commander.get(poll, headers={"HX-Request": "true", "If-None-Match": etag})
    assert same.status_code == 200
    assert 'hx-swap-oob="true"' in same.content.decode()
    assert int(same["Content-Length"]) == len(same.content)
    assert BANNER in same.content.decode()
    asked = commander.get("/read-only/", headers={"HX-Request": "true"})
    assert asked.content.decode().count('id="read-only"') == 1
    assert "HX-Refresh" not in asked
    outage.end()
    later = clock.now() + 31
    monkeypatch.setattr(clock, "now", lambda: later)
    assert keeper.look()
    over = commander.get("/read-only/", headers={"HX-Request": "true"})
    assert (over["HX-Refresh"], BANNER in over.content.decode()) == ("true", False)


def test_the_probe_of_the_keeper_ends_it_and_no_reader_waits_for_one(
    commander: Client, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage.begin()
    later = clock.now() + 31
    monkeypatch.setattr(clock, "now", lambda: later)
    # A probe is due: readers still do not make it.
    assert commander.get("/account/")[HEADER]
    assert circuit("database").state == OPEN
    outage.end()
    assert keeper.look()
    assert circuit("database").state == CLOSED
    assert HEADER not in commander.get("/account/")


def test_a_replica_that_is_away_as_well_is_503(
    commander: Client, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage.begin()
    connections["replica"].close()
    monkeypatch.setitem(connections.settings["replica"], "HOST", str(outage.nowhere))
    assert commander.get("/").status_code == 503


def test_a_replica_that_lags_too_far_is_503(
    commander: Client, committed_cast: Cast, outage: Outage
) -> None:
    outage.catch_up()
    # Nothing is replayed any more; the database is missed two minutes later.
    with outage.on_standby() as server:
        server.execute("SELECT pg_wal_replay_pause()")
    try:
        replica_module_away = replica.away
        later = time.time() + 120
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: later)
            outage.begin(catches_up=False)
            assert replica_module_away.since() >= datetime.fromtimestamp(later - 1, UTC)
            response = commander.get("/")
            assert response.status_code == 503
            assert HEADER not in response
    finally:
        with outage.on_standby() as server:
            server.execute("SELECT pg_wal_replay_resume()")


def test_while_the_database_answers_nothing_is_read_from_the_replica(
    commander: Client, outage: Outage
) -> None:
    response = commander.get("/")
    assert response.status_code == 200
    assert HEADER not in response
    assert BANNER not in response.content.decode()


def test_the_keepers_look_carries_the_replica_on_where_nothing_happens(outage: Outage) -> None:
    before = timezone.now()
    assert keeper.look()

    def has_come_along() -> bool:
        found = replica.standing(connections["replica"])
        return found.as_of is not None and found.as_of > before

    wait_until(has_come_along, timeout=20)


def test_the_metrics_tell_how_far_the_replica_is_behind(outage: Outage) -> None:
    def told() -> dict[str, float]:
        return {metric.name: metric.samples[0].value for metric in ReplicaCollector().collect()}

    assert keeper.look()
    wait_until(lambda: told().get("vigil_replica_lag_seconds", 60) < 20, timeout=20)
    assert told()["vigil_replica_up"] == 1


NOW = datetime(2026, 2, 12, 18, 30, tzinfo=UTC)


def test_a_promoted_server_is_no_replica() -> None:
    with pytest.raises(ReplicaUnusable, match="promoted"):
        usable(Standing(is_following=False, as_of=NOW), NOW)


def test_one_that_cannot_say_how_far_it_has_come_is_not_read() -> None:
    with pytest.raises(ReplicaUnusable, match="cannot say"):
        usable(Standing(is_following=True, as_of=None), NOW)


@pytest.mark.parametrize(("seconds", "is_usable"), [(0, True), (60, True), (61, False)])
def test_lag_counts_from_when_the_database_went_away(seconds: int, is_usable: bool) -> None:
    found = Standing(is_following=True, as_of=NOW - timedelta(seconds=seconds))
    if is_usable:
        assert usable(found, NOW).behind == timedelta(seconds=seconds)
    else:
        with pytest.raises(OperationalError):
            usable(found, NOW)
