import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.types import (
    FAILURE_TYPES,
    MAX_DEDUP_KEY,
    MAX_SERVICE,
    MAX_SEVERITY_TEXT,
    MAX_SUMMARY,
    SEVERITY_LEVELS,
    STATUSES,
    NormalizedAlert,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))
ALERTS = st.builds(
    NormalizedAlert,
    dedup_key=TEXT.filter(bool),
    summary=TEXT.filter(bool),
    status=st.sampled_from(STATUSES),
    severity=st.none() | st.sampled_from(SEVERITY_LEVELS),
    severity_text=TEXT,
    service=st.none() | TEXT,
    labels=TEXTS,
    annotations=TEXTS,
    starts_at=INSTANTS,
    ends_at=INSTANTS,
    period=st.none() | TEXT,
    failure_type=st.none() | st.sampled_from(FAILURE_TYPES),
    links=st.lists(TEXT, max_size=3).map(tuple),
    details=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
)


@given(ALERTS)
def test_an_alert_survives_storage(alert: NormalizedAlert) -> None:
    stored = json.loads(json.dumps(alert.to_json()))
    assert NormalizedAlert.from_json(stored) == alert


@given(ALERTS)
def test_every_field_is_stored(alert: NormalizedAlert) -> None:
    assert list(alert.to_json()) == [field.name for field in dataclasses.fields(alert)]


def test_what_a_later_version_stored_is_ignored() -> None:
    stored = {"dedup_key": "k", "summary": "s", "colour": "red"}
    assert NormalizedAlert.from_json(stored) == NormalizedAlert(dedup_key="k", summary="s")


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("dedup_key", MAX_DEDUP_KEY),
        ("summary", MAX_SUMMARY),
        ("service", MAX_SERVICE),
        ("severity_text", MAX_SEVERITY_TEXT),
    ],
)
def test_lengths_are_bounded(name: str, longest: int) -> None:
    fields: dict[str, Any] = {"dedup_key": "k", "summary": "s"}
    assert NormalizedAlert(**fields | {name: "x" * longest})
    with pytest.raises(ValueError, match=f"{name} is longer than {longest} characters"):
        NormalizedAlert(**fields | {name: "x" * (longest + 1)})


@pytest.mark.parametrize("name", ["dedup_key", "summary"])
def test_an_alert_is_never_without_key_or_summary(name: str) -> None:
    fields: dict[str, Any] = {"dedup_key": "k", "summary": "s", name: ""}
    with pytest.raises(ValueError, match="needs a dedup_key and a summary"):
        NormalizedAlert(**fields)


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2025, 1, 31)
    with pytest.raises(ValueError, match="needs a time zone"):
        NormalizedAlert(dedup_key="k", summary="s", starts_at=naive)
