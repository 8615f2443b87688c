"""Evidence is preserved in one press, once, and released only for a reason by who may; both on record."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from audit.gate import engine
from audit.rows import row_save
from incidents.models import EvidenceHold, Incident, Service
from incidents.models.timeline import TimelineEntry
from incidents.procedure import State
from incidents.selectors.evidence import hold_of, holds_on
from incidents.services.evidence import BEFORE, evidence_hold, evidence_release
from incidents.services.incidents import incident_open
from incidents.services.restriction import incident_restrict
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.database import as_superuser
from tests.incidents.api.calling import issued, signed_in, with_secret
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import alert
from tests.incidents.making import in_state, opened
from tests.incidents.pages.conftest import signed_in as in_browser
from tests.people import TESTS, Cast

SCRIPT = {"HX-Request": "true"}


def held(cast: Cast, incident: Incident, who: str = "responder") -> EvidenceHold:
    return evidence_hold(incident=incident, by=cast.principal(who))


def released(cast: Cast, hold: EvidenceHold, who: str = "commander") -> EvidenceHold:
    return evidence_release(hold=hold, by=cast.principal(who), reason="The court has its copy")


def of_service(cast: Cast, slug: str) -> Incident:
    service = Service(slug=slug, name=slug)
    row_save(instance=service, by=TESTS)
    incident = Incident(title="Slow", severity="P2", service=service)
    return incident_open(incident=incident, by=cast.principal("commander"))


def test_it_covers_the_service_from_before_the_first_sign(cast: Cast) -> None:
    begun = timezone.now() - timedelta(minutes=40)
    incident = alert(cast, "k", starts_at=begun)
    hold = held(cast, incident)
    assert hold.services == [incident.service.slug]
    assert hold.since == begun - BEFORE
    assert hold.until is None
    entry = incident.timeline.get(kind=TimelineEntry.Kind.EVIDENCE)
    assert entry.text.startswith("Evidence preserved: logs of api from ")


def test_a_sign_that_cannot_be_believed_does_not_count(cast: Cast) -> None:
    for key, starts_at in (
        ("old", timezone.now() - timedelta(days=900)),
        ("ahead", timezone.now() + timedelta(days=9)),
    ):
        incident = alert(cast, key, starts_at=starts_at)
        assert held(cast, incident).since == incident.detected_at - BEFORE


def test_without_a_service_it_covers_all(cast: Cast) -> None:
    hold = held(cast, opened(cast))
    assert hold.services == []
    now = timezone.now()
    assert list(holds_on("anything", now - timedelta(minutes=1), now)) == [hold]


def test_what_is_held_is_found_by_whatever_deletes_logs(cast: Cast) -> None:
    hold, now = held(cast, of_service(cast, "api")), timezone.now()
    before = hold.since - timedelta(days=1)
    assert list(holds_on("api", before, now)) == [hold]
    assert not holds_on("api", before, hold.since), "the end is not within"
    assert not holds_on("web", before, now)
    released(cast, hold)
    assert not holds_on("api", before, now)


def test_a_restricted_incident_holds_too_and_outlives_its_end(cast: Cast) -> None:
    incident = in_state(cast, State.CLOSED, "P3")
    incident_restrict(incident=incident, by=cast.principal("commander"), reason="secret")
    hold = held(cast, incident, "commander")
    assert holds_on("api", timezone.now() - timedelta(days=9), timezone.now()).get() == hold


def test_it_is_preserved_once_and_may_be_again_after_its_release(cast: Cast) -> None:
    incident = opened(cast)
    first = held(cast, incident)
    with pytest.raises(Conflict, match="preserved already"):
        held(cast, incident)
    released(cast, first)
    with pytest.raises(Conflict, match="released already"):
        released(cast, first)
    second = held(cast, incident)
    assert hold_of(incident) == second


def test_a_release_names_its_reason(cast: Cast) -> None:
    hold = held(cast, opened(cast))
    with pytest.raises(ValidationFailed):
        evidence_release(hold=hold, by=cast.principal("commander"), reason="  ")
    done = released(cast, hold)
    assert done.release_reason == "The court has its copy"
    assert holds_on("x", done.since, timezone.now()).count() == 0


@pytest.mark.parametrize("who", ["auditor", "administrator", "outsider"])
def test_who_does_not_work_incidents_preserves_nothing(cast: Cast, who: str) -> None:
    with pytest.raises(GovernanceDenied):
        held(cast, opened(cast), who)
    assert not EvidenceHold.objects.exists()


@pytest.mark.parametrize("who", ["responder", "auditor", "administrator", "outsider"])
def test_only_who_may_releases(cast: Cast, who: str) -> None:
    hold = held(cast, opened(cast))
    with pytest.raises(GovernanceDenied):
        released(cast, hold, who)
    assert EvidenceHold.objects.get().released_at is None


def test_with_a_broken_gate_nothing_changes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, other = held(cast, opened(cast)), opened(cast)
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    for call in (lambda: held(cast, other), lambda: released(cast, hold)):
        with pytest.raises(GovernanceFailure):
            call()
    assert EvidenceHold.objects.get().released_at is None


def test_with_a_broken_ledger_nothing_changes(committed_cast: Cast) -> None:
    cast = committed_cast
    hold, other = held(cast, opened(cast)), opened(cast)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    for call in (lambda: held(cast, other), lambda: released(cast, hold)):
        with pytest.raises(AuditUnavailable):
            call()
    assert EvidenceHold.objects.get().released_at is None


def test_of_many_who_press_at_once_one_preserves(committed_cast: Cast) -> None:
    incident = opened(committed_cast)
    conflicts: list[Conflict] = []

    def press() -> None:
        try:
            held(committed_cast, incident)
        except Conflict as conflict:
            conflicts.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (EvidenceHold.objects.count(), len(conflicts)) == (1, 5)


class TestPages:
    def test_one_press_and_it_is_shown(self, cast: Cast) -> None:
        incident, client = opened(cast), in_browser(cast.responder)
        room = reverse("incidents:incident-detail", args=[incident.pk])
        assert "Not preserved" in client.get(room).text
        press = reverse("incidents:evidence-hold", args=[incident.pk])
        assert "All logs of all services are kept" in client.get(press, headers=SCRIPT).text
        assert client.post(press, headers=SCRIPT).status_code == 204
        shown = client.get(room).text
        assert "Logs of all services are kept from" in shown
        assert "release-evidence" not in shown
        assert client.post(press, headers=SCRIPT).status_code == 409

    def test_a_release_asks_for_a_reason(self, cast: Cast) -> None:
        incident, client = opened(cast), in_browser(cast.commander)
        release = reverse("incidents:evidence-release", args=[incident.pk])
        assert client.get(release).status_code == 404
        held(cast, incident)
        assert client.post(release, {"reason": ""}, headers=SCRIPT).status_code == 400
        assert client.post(release, {"reason": "Done"}, headers=SCRIPT).status_code == 204
        room = client.get(reverse("incidents:incident-detail", args=[incident.pk])).text
        assert "by commander: Done" in room

    def test_who_is_outside_a_restricted_incident_finds_none(self, cast: Cast) -> None:
        incident = opened(cast)
        held(cast, incident)
        incident_restrict(incident=incident, by=cast.principal("commander"), reason="secret")
        client = in_browser(cast.responder)
        for name in ("evidence-hold", "evidence-release"):
            assert client.get(reverse(f"incidents:{name}", args=[incident.pk])).status_code == 404


class TestApi:
    def test_preserved_read_and_released(self, cast: Cast) -> None:
        incident, caller = opened(cast), signed_in(cast.commander)
        path = f"incidents/{incident.number}/evidence/"
        assert caller.get(path).status == 404
        made = caller.post(path, {})
        assert (made.status, made.body["services"], made.body["until"]) == (201, [], None)
        assert made.body["placed_by"] == "user:commander"
        assert caller.post(path, {}).status == 409
        assert caller.post(f"{path}release/", {"reason": " "}).status == 400
        gone = caller.post(f"{path}release/", {"reason": "Done"})
        assert (gone.status, gone.body["release_reason"]) == (200, "Done")
        assert caller.get(path).body == gone.body

    def test_a_token_needs_its_scope(self, cast: Cast) -> None:
        incident = opened(cast)
        caller = with_secret(issued("incidents:read", user=cast.commander))
        assert caller.post(f"incidents/{incident.number}/evidence/", {}).status == 403
        assert not EvidenceHold.objects.exists()
