"""The description of the native format says what the parser takes."""

import json

import pytest

from incidents.api.native_schema import ALERT
from incidents.ingest.native import parse
from portal.lib.errors import ValidationFailed

WHOLE = {
    "summary": "Disk full",
    "dedup_key": "k",
    "status": "resolved",
    "severity": "P1",
    "service": "db",
    "labels": {"host": "a"},
    "annotations": {"note": "b"},
    "starts_at": "2026-02-12T18:30:00Z",
    "ends_at": "2026-02-12T19:30:00Z",
    "failure_type": "error_rate",
    "links": ["https://example.org/"],
}


def test_every_field_of_the_description_is_read() -> None:
    assert set(WHOLE) == set(ALERT["properties"])
    [alert] = parse(json.dumps(WHOLE).encode())
    assert all(getattr(alert, name) for name in WHOLE)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_field_of_the_description_is_checked(name: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse(json.dumps({**WHOLE, name: 7}).encode())
    assert [error.field for error in refused.value.errors] == [name]


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        (name, choice)
        for name, field in ALERT["properties"].items()
        for choice in field.get("enum", ())
    ],
)
def test_every_choice_of_the_description_is_taken(name: str, choice: str) -> None:
    assert parse(json.dumps({**WHOLE, name: choice}).encode())
