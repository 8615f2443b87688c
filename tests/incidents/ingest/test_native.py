import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.ingest.fields import MAX_ERRORS
from incidents.ingest.native import MAX_ALERTS, MAX_LABELS, MAX_LINKS, parse
from incidents.ingest.types import FAILURE_TYPES, NormalizedAlert
from portal.lib.errors import ValidationFailed


def one(**fields: object) -> NormalizedAlert:
    (alert,) = parse(json.dumps({"summary": "disk is full", **fields}).encode())
    return alert


def refusal(body: object) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as refused:
        parse(json.dumps(body).encode())
    return {error.field: error.message for error in refused.value.errors}


def refused(**fields: object) -> dict[str, str]:
    return refusal({"summary": "disk is full", **fields})


def test_a_summary_is_enough() -> None:
    alert = one()
    assert (alert.summary, alert.status, alert.severity) == ("disk is full", "firing", None)
    assert (alert.severity_text, alert.period, alert.starts_at) == ("", None, None)


def test_every_field_is_taken_over() -> None:
    assert one(
        dedup_key="disk-7",
        status="resolved",
        severity="critical",
        service="storage",
        labels={"host": "db-1", "größe": "xl"},
        annotations={"runbook": "clean up"},
        starts_at="2025-01-31T09:30:00+01:00",
        ends_at="2025-01-31T10:00:00Z",
        failure_type="data_corruption",
        links=["https://runbooks.example.org/disk", "http://[::1]:9090/graph?x=1#y"],
    ) == NormalizedAlert(
        dedup_key="disk-7",
        summary="disk is full",
        status="resolved",
        severity_text="critical",
        service="storage",
        labels={"host": "db-1", "größe": "xl"},
        annotations={"runbook": "clean up"},
        starts_at=datetime(2025, 1, 31, 8, 30, tzinfo=UTC),
        ends_at=datetime(2025, 1, 31, 10, 0, tzinfo=UTC),
        failure_type="data_corruption",
        links=("https://runbooks.example.org/disk", "http://[::1]:9090/graph?x=1#y"),
    )


def test_a_list_keeps_its_order() -> None:
    body = [{"summary": f"alert {n}"} for n in range(MAX_ALERTS)]
    alerts = parse(json.dumps(body).encode())
    assert [alert.summary for alert in alerts] == [item["summary"] for item in body]
    assert len({alert.dedup_key for alert in alerts}) == MAX_ALERTS


def test_null_blank_and_unknown_fields_count_as_absent() -> None:
    absent: dict[str, Any] = {"dedup_key": "", "severity": " ", "status": None, "labels": None}
    absent |= {"service": "", "starts_at": "", "links": None, "failure_type": None}
    assert one(**absent, colour="red") == one()


def test_white_space_around_text_does_not_count() -> None:
    assert one(dedup_key=" k\n", severity=" P1 ", service="\tdb ").dedup_key == "k"


@pytest.mark.parametrize(
    ("sent", "level"),
    [("P0", "P0"), ("p3", "P3"), ("critical", None), ("WARNING", None), ("Low", None)],
)
def test_severity_is_a_level_or_a_word_in_any_case(sent: str, level: str | None) -> None:
    alert = one(severity=sent)
    assert alert.severity == level
    assert alert.severity_text.lower() == sent.lower()


def test_an_unknown_severity_is_refused_with_those_there_are() -> None:
    known = "P0, P1, P2, P3, critical, error, high, warning, medium, info, low"
    message = f'must be one of {known}, not "urgent"'
    assert refused(severity="urgent") == {"severity": message}
    items = [{"summary": "x"}] * 3 + [{"summary": "x", "severity": "urgent"}]
    assert refusal(items) == {"3.severity": message}


@pytest.mark.parametrize("failure_type", FAILURE_TYPES)
def test_failure_types_are_those_of_the_rollback_matrix(failure_type: str) -> None:
    assert one(failure_type=failure_type).failure_type == failure_type


def test_the_default_key_is_the_digest_of_the_labels_in_any_order() -> None:
    labels = {"b": "2", "a": "1"}
    digest = hashlib.sha256(b'{"a":"1","b":"2"}').hexdigest()
    assert one(labels=labels).dedup_key == digest
    assert one(labels=dict(reversed(labels.items())), summary="other words").dedup_key == digest
    assert one(labels={"a": "1"}).dedup_key != digest


def test_without_labels_the_default_key_tells_alerts_apart_by_summary_and_service() -> None:
    keys = {one().dedup_key, one(summary="no").dedup_key, one(service="db").dedup_key}
    assert len(keys) == 3
    assert one(status="resolved", severity="P2").dedup_key == one().dedup_key


@pytest.mark.parametrize("days", [-4000, -3, 3, 4000])
def test_skewed_clocks_are_taken_as_given(days: int) -> None:
    at = datetime.now(UTC) + timedelta(days=days)
    assert one(starts_at=at.isoformat()).starts_at == at


def test_the_zero_time_means_not_set() -> None:
    assert one(ends_at="0001-01-01T00:00:00Z").ends_at is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (None, {"body": "must be an object or a list of objects, not null"}),
        ("x", {"body": "must be an object or a list of objects, not a string"}),
        ([], {"body": "must have 1 to 1000 alerts, not 0"}),
        ([{}] * 1001, {"body": "must have 1 to 1000 alerts, not 1001"}),
        ({}, {"summary": "is required"}),
        ({"summary": "  "}, {"summary": "is required"}),
        ({"summary": 7}, {"summary": "must be a string, not a number"}),
        ({"summary": "x" * 1025}, {"summary": "must have at most 1024 characters, not 1025"}),
        ([[]], {"0": "must be an object, not a list"}),
        ([{"summary": "x"}, True], {"1": "must be an object, not true or false"}),
    ],
)
def test_a_body_without_alerts_is_refused(body: object, problem: dict[str, str]) -> None:
    assert refusal(body) == problem


@pytest.mark.parametrize(
    ("name", "value", "path", "message"),
    [
        ("dedup_key", 7, "dedup_key", "must be a string, not a number"),
        ("dedup_key", "x" * 256, "dedup_key", "must have at most 255 characters, not 256"),
        ("status", "open", "status", 'must be one of firing, resolved, not "open"'),
        ("status", True, "status", "must be a string, not true or false"),
        ("service", {}, "service", "must be a string, not an object"),
        ("labels", [], "labels", "must be an object, not a list"),
        ("labels", {"foo": 1}, "labels.foo", "must be a string, not a number"),
        ("labels", {"foo": True}, "labels.foo", "must be a string, not true or false"),
        ("labels", {"foo": None}, "labels.foo", "must be a string, not null"),
        ("labels", {"": "x"}, "labels.", "must have a name of 1 to 128 characters"),
        ("labels", {"a": "x" * 1025}, "labels.a", "must have at most 1024 characters, not 1025"),
        ("annotations", {"a": []}, "annotations.a", "must be a string, not a list"),
        ("starts_at", 1738315800, "starts_at", "must be a string, not a number"),
        ("links", "https://example.org", "links", "must be a list, not a string"),
        ("links", [{"href": "x"}], "links.0", "must be an absolute http or https URL"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: object, path: str, message: str) -> None:
    assert refused(**{name: value}) == {path: message}


def test_a_time_without_offset_is_refused() -> None:
    assert "with an offset" in refused(starts_at="2025-01-31T09:30:00")["starts_at"]
    assert "that exists" in refused(ends_at="2025-02-30T09:30:00Z")["ends_at"]


def test_an_unknown_failure_type_is_refused() -> None:
    assert refused(failure_type="gremlins")["failure_type"].startswith("must be one of smoke_test,")


def test_labels_and_links_are_limited_in_number() -> None:
    labels = {f"l{n}": "x" for n in range(MAX_LABELS + 1)}
    assert refused(labels=labels) == {"labels": "must have at most 64 entries, not 65"}
    links = [f"https://example.org/{n}" for n in range(MAX_LINKS + 1)]
    assert refused(links=links) == {"links": "must have at most 32 entries, not 33"}
    assert one(labels=dict(list(labels.items())[1:]), links=links[1:])


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "ftp://example.org/",
        "//example.org/",
        "/runbook",
        "https://",
        "https:///path",
        "https://exa mple.org",
        "https://example.org/\njavascript:",
        "java\tscript:alert(1)",
        "https://[::1",
        "https://example.org:99999/",
        "https://example.org/" + "x" * 2048,
        "",
    ],
)
def test_links_are_http_or_https_only(link: str) -> None:
    assert refused(links=["https://example.org/", link]) == {
        "links.1": "must be an absolute http or https URL"
    }


def test_all_problems_of_all_alerts_are_named() -> None:
    body = [{"severity": "urgent", "labels": {"a": 1, "b": 2}}, {"summary": "x"}, {"summary": 1}]
    assert list(refusal(body)) == [
        "0.summary", "0.severity", "0.labels.a", "0.labels.b", "2.summary",
    ]  # fmt: skip


def test_the_number_of_named_problems_is_bounded() -> None:
    assert len(refusal([{"summary": 1}] * MAX_ALERTS)) == MAX_ERRORS


def test_nul_and_half_surrogates_are_refused_where_they_stand() -> None:
    assert "NUL" in refused(labels={"pod": "a\0b"})["labels.pod"]
    assert "surrogate" in refused(summary="\ud800")["summary"]
