"""What alerts come to: identity is (source, dedup key), and a firing period is one incident."""

import itertools

import pytest

from audit.rows import row_save
from incidents.models import Alert, AlertReceipt, Incident, SeverityRule, Source
from incidents.tasks import drain_receipts
from tests.incidents.ingesting import firing_now, received, settled
from tests.people import TESTS, Cast


def fates() -> list[tuple[str, str]]:
    return list(AlertReceipt.objects.order_by("id").values_list("fate", "fate_detail"))


def test_a_first_alert_opens_an_incident(cast: Cast) -> None:
    receipt = settled(cast, "k", summary="Disk full", service="Checkout API")
    incident = Incident.objects.get()
    assert (receipt.fate, receipt.alert.incident) == ("opened", incident)
    assert (incident.title, incident.service.slug) == ("Disk full", "checkout-api")
    assert receipt.processed_at == incident.detected_at


def test_a_trigger_on_an_open_alert_appends(cast: Cast) -> None:
    settled(cast, "k")
    settled(cast, "k", summary="Disk fuller")
    [alert] = firing_now("k")
    assert (Incident.objects.count(), alert.receipt_count, alert.summary) == (1, 2, "Disk fuller")
    assert fates() == [("opened", ""), ("appended", "")]


def test_a_resolve_ends_the_alert_and_leaves_the_incident_to_people(cast: Cast) -> None:
    settled(cast, "k")
    settled(cast, "k", "resolved")
    incident = Incident.objects.get()
    assert (Alert.objects.get().status, incident.state) == ("resolved", "detected")
    assert incident.timeline.first().text == "Alert resolved: Disk full"


def test_after_its_resolve_an_alert_opens_a_new_incident(cast: Cast) -> None:
    for status in ("firing", "resolved", "firing"):
        settled(cast, "k", status)
    assert Incident.objects.count() == 2
    assert len(firing_now("k")) == 1


def test_an_orphan_resolve_is_dropped_and_says_so(cast: Cast) -> None:
    settled(cast, "k", "resolved")
    settled(cast, "k", "firing")
    settled(cast, "k", "resolved")
    settled(cast, "k", "resolved", period=5)
    assert fates() == [
        ("dropped", "nothing with that key is firing"),
        ("opened", ""),
        ("resolved", ""),
        ("dropped", "nothing with that key is firing"),
    ]


def test_the_same_key_of_another_source_is_another_alert(cast: Cast) -> None:
    settled(cast, "k")
    other = Source(slug="other", name="Other")
    row_save(instance=other, by=TESTS)
    receipt = received(Cast(**{**_fields(cast), "source": other}), "k")
    drain_receipts()
    receipt.refresh_from_db()
    assert (receipt.fate, Incident.objects.count()) == ("opened", 2)


def _fields(cast: Cast) -> dict[str, object]:
    return {name: getattr(cast, name) for name in Cast.__dataclass_fields__}


def test_what_is_received_together_is_settled_in_order(cast: Cast) -> None:
    for status in ("firing", "firing", "resolved", "firing", "resolved", "resolved"):
        received(cast, "k", status)
    drain_receipts()
    assert [fate for fate, _ in fates()] == [
        *("opened", "appended", "resolved", "opened", "resolved", "dropped")
    ]
    assert Incident.objects.count() == 2


def test_more_than_one_batch_is_settled_in_one_go(cast: Cast) -> None:
    for _ in range(205):
        received(cast, "k")
    drain_receipts()
    assert not AlertReceipt.objects.filter(fate="pending").exists()
    assert Alert.objects.get().receipt_count == 205


# --- Detectors that name their firing periods


def test_a_repeat_of_a_period_appends_to_it(cast: Cast) -> None:
    for _ in range(3):
        settled(cast, "k", period=1)
    assert Incident.objects.count() == 1
    assert Alert.objects.get().receipt_count == 3


def test_a_newer_period_ends_the_one_before(cast: Cast) -> None:
    settled(cast, "k", period=1)
    settled(cast, "k", period=2)
    first, second = Alert.objects.order_by("id")
    assert (first.status, second.status) == ("resolved", "firing")
    assert first.incident != second.incident
    assert "a newer firing period began" in first.incident.timeline.first().text


def test_a_late_firing_of_a_period_that_is_over_changes_nothing(cast: Cast) -> None:
    settled(cast, "k", period=1)
    settled(cast, "k", "resolved", period=1)
    late = settled(cast, "k", period=1)
    assert (late.fate, late.fate_detail) == ("dropped", "that firing period is resolved already")
    assert (Incident.objects.count(), firing_now("k")) == (1, [])


def test_a_late_resolve_of_an_older_period_leaves_the_newer_firing(cast: Cast) -> None:
    settled(cast, "k", period=1)
    settled(cast, "k", period=2)
    late = settled(cast, "k", "resolved", period=1)
    assert (late.fate, late.fate_detail) == ("dropped", "it was resolved before")
    [alert] = firing_now("k")
    assert alert.starts_at.hour == 14


def test_an_older_period_that_comes_late_does_not_end_the_newer(cast: Cast) -> None:
    settled(cast, "k", period=2)
    late = settled(cast, "k", period=1)
    assert late.fate == "opened"
    assert late.alert.status == "resolved"
    assert "a newer firing period was known" in late.alert.incident.timeline.first().text
    assert settled(cast, "k", period=2).fate == "appended"
    assert [alert.starts_at.hour for alert in firing_now("k")] == [14]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_firings_come_to_the_same_in_any_order(cast: Cast, order: tuple[int, ...]) -> None:
    for period in order:
        settled(cast, "k", period=period)
    alerts = Alert.objects.order_by("starts_at").values_list("status", flat=True)
    assert list(alerts) == ["resolved", "resolved", "firing"]
    assert Incident.objects.count() == 3


def test_a_group_mixes_firing_and_resolved(cast: Cast) -> None:
    settled(cast, "b", period=1)
    for key, status in (("a", "firing"), ("b", "resolved"), ("c", "resolved")):
        received(cast, key, status, period=1)
    drain_receipts()
    assert [fate for fate, _ in fates()] == ["opened", "opened", "resolved", "dropped"]


def test_absence_never_resolves(cast: Cast) -> None:
    settled(cast, "a", period=1)
    settled(cast, "b", period=1)
    assert len(firing_now("a")) == len(firing_now("b")) == 1


# --- Severity and service


def severity_of(cast: Cast, key: str, **fields: object) -> str:
    return settled(cast, key, **fields).alert.incident.severity


SEVERITIES: list[tuple[str, dict[str, str], str]] = [
    ("critical", {}, "P1"),
    ("critical", {"component": "database"}, "P0"),
    ("critical", {"team": "Security"}, "P0"),
    ("critical", {"alertname": "ServiceDown"}, "P0"),
    ("critical", {"summary": "a database"}, "P1"),
    ("CRITICAL", {}, "P1"),
    ("error", {"component": "database"}, "P1"),
    ("high", {}, "P1"),
    ("warning", {}, "P2"),
    ("medium", {}, "P2"),
    ("info", {}, "P3"),
    ("low", {}, "P3"),
    ("P0", {}, "P0"),
    ("p3", {"component": "database"}, "P3"),
    ("page", {}, "P2"),
    ("", {}, "P2"),
]


def test_the_severity_comes_from_the_mapping(cast: Cast) -> None:
    for number, (text, labels, severity) in enumerate(SEVERITIES):
        found = severity_of(cast, f"k{number}", severity_text=text, labels=labels)
        assert found == severity, (text, labels)


def test_an_edited_mapping_counts_from_the_next_alert_on(cast: Cast) -> None:
    assert severity_of(cast, "a", severity_text="page") == "P2"
    rule = SeverityRule(position=1, texts=["page"], severity="P0")
    row_save(instance=rule, by=cast.principal("administrator"))
    assert severity_of(cast, "b", severity_text="page") == "P0"
    assert Alert.objects.get(dedup_key="a").incident.severity == "P2"


def test_a_service_that_nobody_knew_is_made_on_record(cast: Cast) -> None:
    first = settled(cast, "a", service="Search  Index (EU)")
    second = settled(cast, "b", service="search-index-eu")
    service = first.alert.incident.service
    assert (service.slug, service.name) == ("search-index-eu", "Search  Index (EU)")
    assert second.alert.incident.service == service
    assert service.history.get().history_change_reason == ""
    assert settled(cast, "c", service="監視").alert.incident.service is None
