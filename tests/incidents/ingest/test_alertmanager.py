"""The payloads beside this file were sent by a real Alertmanager 0.25."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incidents.ingest.alertmanager import MAX_ALERTS, MAX_GROUP_KEY, parse
from incidents.ingest.types import NormalizedAlert
from portal.lib.errors import ValidationFailed

PAYLOADS = Path(__file__).parent / "payloads"
Change = Callable[[dict[str, Any]], object]


def real(name: str) -> list[NormalizedAlert]:
    return parse((PAYLOADS / f"alertmanager-{name}.json").read_bytes())


def payload() -> dict[str, Any]:
    body: dict[str, Any] = json.loads((PAYLOADS / "alertmanager-firing.json").read_bytes())
    return body


def one(**changes: object) -> NormalizedAlert:
    """The alert of the payload with some of its fields changed."""
    body = payload()
    body["alerts"][0] |= changes
    (alert,) = parse(json.dumps(body).encode())
    return alert


def labelled(**labels: str) -> NormalizedAlert:
    return one(labels=labels)


def refusal(change: Change) -> dict[str, str]:
    body = payload()
    change(body)
    with pytest.raises(ValidationFailed) as refused:
        parse(json.dumps(body).encode())
    return {error.field: error.message for error in refused.value.errors}


def test_a_firing_alert() -> None:
    (alert,) = real("firing")
    labels = {
        "alertname": "ServiceDown",
        "instance": "checkout-1.example.org:8080",
        "job": "checkout",
        "service": "checkout",
        "severity": "critical",
    }
    description = "No scrape of checkout-1 has succeeded for 5 minutes — <b>Größe</b> & 日本."
    assert alert == NormalizedAlert(
        dedup_key="2f5a3a03e625dd90",
        summary="checkout-1 is down",
        status="firing",
        severity=None,
        severity_text="critical",
        service="checkout",
        labels=labels,
        annotations={
            "dashboard_url": "https://grafana.example.org/d/checkout",
            "description": description,
            "runbook_url": "https://runbooks.example.org/service-down",
            "summary": "checkout-1 is down",
        },
        starts_at=datetime(2026, 11, 24, 19, 40, 38, 684325, tzinfo=UTC),
        ends_at=None,
        period="2026-11-24T19:40:38.684325Z",
        links=(
            "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "https://runbooks.example.org/service-down",
            "https://grafana.example.org/d/checkout",
        ),
        details={
            "receiver": "vigil",
            "groupKey": '{}:{service="checkout"}',
            "externalURL": "http://alertmanager.example.org:9093",
            "truncatedAlerts": 0,
        },
    )


def test_a_group_mixes_firing_and_resolved() -> None:
    down, errors = real("mixed")
    assert (down.status, errors.status) == ("resolved", "firing")
    assert down.ends_at == datetime(2026, 11, 24, 19, 45, 41, 689802, tzinfo=UTC)
    assert errors.ends_at is None
    assert (down.dedup_key, down.period) == (real("firing")[0].dedup_key, real("firing")[0].period)


def test_a_resolved_alert_keeps_the_key_and_period_it_fired_under() -> None:
    (resolved,), (_, fired) = real("resolved"), real("mixed")
    assert resolved.status == "resolved"
    assert (resolved.dedup_key, resolved.period) == (fired.dedup_key, fired.period)


def test_truncated_alerts_are_kept_to_be_shown() -> None:
    assert [alert.details["truncatedAlerts"] for alert in real("truncated")] == [2]


def test_a_count_beyond_what_canonical_json_can_say_is_cut_off() -> None:
    body = payload() | {"truncatedAlerts": 2**64 - 1}
    (alert,) = parse(json.dumps(body).encode())
    assert alert.details["truncatedAlerts"] == 2**53 - 1


def test_a_nul_that_prometheus_allows_does_not_lose_the_alert() -> None:
    (alert,) = real("nul")
    assert alert.labels["bad"] == "a\ufffdb"
    assert alert.summary == "nul \ufffd here"


def test_the_period_does_not_depend_on_the_offset_or_digits() -> None:
    periods = {
        one(startsAt=text).period
        for text in (
            "2025-01-31T09:30:00Z",
            "2025-01-31T10:30:00+01:00",
            "2025-01-31T09:30:00.000000000Z",
        )
    }
    assert periods == {"2025-01-31T09:30:00.000000Z"}


@pytest.mark.parametrize(
    ("text", "level"),
    [("P0", "P0"), ("p2", "P2"), ("critical", None), ("page-me-now", None), ("", None)],
)
def test_any_severity_is_taken_and_its_word_kept(text: str, level: str | None) -> None:
    alert = labelled(alertname="X", severity=text)
    assert (alert.severity, alert.severity_text) == (level, text)


def test_an_alert_without_severity_is_taken() -> None:
    assert labelled(alertname="X").severity_text == ""


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({"summary": "s", "title": "t", "description": "d"}, "s"),
        ({"summary": " ", "title": "t", "description": "d"}, "t"),
        ({"description": "  it\n   broke \n"}, "it broke"),
        ({"message": "m"}, "ServiceDown"),
        ({}, "ServiceDown"),
        (None, "ServiceDown"),
    ],
)
def test_the_summary_is_the_first_that_says_something(annotations: object, summary: str) -> None:
    assert one(annotations=annotations).summary == summary


def test_a_nameless_alert_still_has_a_summary() -> None:
    assert one(labels={"pod": "x"}, annotations={}).summary == "Alert without a name"


def test_a_long_summary_is_shortened_between_characters() -> None:
    assert one(annotations={"summary": "ü" * 1024}).summary == "ü" * 1024
    assert one(annotations={"summary": "日" * 1025}).summary == "日" * 1023 + "…"


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "a", "app": "b", "job": "c"}, "a"),
        ({"app": "b", "job": "c"}, "b"),
        ({"service": "", "job": "c"}, "c"),
        ({"pod": "x"}, None),
    ],
)
def test_the_service_is_the_first_label_that_names_one(
    labels: dict[str, str], service: str | None
) -> None:
    assert labelled(**labels).service == service


def test_links_that_are_not_http_are_left_out() -> None:
    alert = one(
        generatorURL="javascript:alert(1)",
        annotations={"runbook_url": "see the wiki", "dashboard_url": "https://example.org/d"},
    )
    assert alert.links == ("https://example.org/d",)
    assert alert.annotations["runbook_url"] == "see the wiki"


def test_long_labels_and_many_of_them_do_not_lose_the_alert() -> None:
    labels = {f"l{n}": "x" * 100 for n in range(200)} | {"service": "s" * 300, "severity": "v" * 99}
    alert = labelled(**labels)
    assert alert.labels == labels
    assert (alert.service, alert.severity_text) == ("s" * 254 + "…", "v" * 63 + "…")


@pytest.mark.parametrize("fingerprint", [None, ""])
def test_an_alertmanager_without_fingerprints_is_known_by_labels(fingerprint: object) -> None:
    alert = one(fingerprint=fingerprint, labels={"b": "2", "a": "1"})
    assert alert.dedup_key == hashlib.sha256(b'{"a":"1","b":"2"}').hexdigest()


def test_old_versions_send_neither_truncated_alerts_nor_group_key() -> None:
    body = payload()
    del body["truncatedAlerts"], body["groupKey"]
    (alert,) = parse(json.dumps(body).encode())
    assert (alert.details["truncatedAlerts"], alert.details["groupKey"]) == (0, "")


def test_a_large_group_is_accepted_and_what_it_shares_is_bounded() -> None:
    body = payload()
    body["alerts"] = body["alerts"] * MAX_ALERTS
    body["groupKey"] = "x" * 1_000_000
    alerts = parse(json.dumps(body).encode())
    assert len(alerts) == MAX_ALERTS
    assert len(str(alerts[-1].details["groupKey"])) == MAX_GROUP_KEY


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda body: body.update(version="5"),
            {"version": 'must be "4", the version of the webhook format'},
        ),
        (
            lambda body: body.pop("version"),
            {"version": 'must be "4", the version of the webhook format'},
        ),
        (lambda body: body.update(alerts=[]), {"alerts": "must have 1 to 10000 alerts, not 0"}),
        (lambda body: body.pop("alerts"), {"alerts": "must have 1 to 10000 alerts, not 0"}),
        (lambda body: body.update(alerts={}), {"alerts": "must be a list, not an object"}),
        (
            lambda body: body.update(alerts=body["alerts"] * 10_001),
            {"alerts": "must have 1 to 10000 alerts, not 10001"},
        ),
        (lambda body: body.update(alerts=["x"]), {"alerts.0": "must be an object, not a string"}),
        (
            lambda body: body.update(truncatedAlerts="2"),
            {"truncatedAlerts": "must be a number of alerts"},
        ),
        (lambda body: body["alerts"][0].pop("status"), {"alerts.0.status": "is required"}),
        (
            lambda body: body["alerts"][0].update(status="pending"),
            {"alerts.0.status": 'must be one of firing, resolved, not "pending"'},
        ),
        (
            lambda body: body["alerts"][0]["labels"].update(foo=1),
            {"alerts.0.labels.foo": "must be a string, not a number"},
        ),
        (
            lambda body: body["alerts"][0].update(labels={}, fingerprint=""),
            {"alerts.0.fingerprint": "is required for an alert without labels"},
        ),
    ],
)
def test_what_is_not_this_format_is_refused_by_name(
    change: Change, problem: dict[str, str]
) -> None:
    assert refusal(change) == problem


def test_a_malformed_time_is_refused_by_name() -> None:
    assert list(refusal(lambda body: body["alerts"][0].update(startsAt="now"))) == [
        "alerts.0.startsAt"
    ]


def test_all_problems_of_a_group_are_named() -> None:
    def change(body: dict[str, Any]) -> None:
        body["alerts"] = [{**body["alerts"][0], "status": n} for n in range(3)]

    assert list(refusal(change)) == [f"alerts.{n}.status" for n in range(3)]
