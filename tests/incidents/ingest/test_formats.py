import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.ingest.formats import FORMATS, Parser
from incidents.ingest.types import NormalizedAlert
from portal.lib.errors import ValidationFailed

TEXT = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JUNK = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)
REAL = Path(__file__).parent.glob("payloads/alertmanager-*.json")
SEEDS: dict[str, list[Any]] = {
    "alertmanager": [json.loads(path.read_bytes()) for path in sorted(REAL)],
    "native": [
        {"summary": "s", "severity": "P1", "labels": {"a": "1"}, "links": ["https://a.example"]},
        [
            {"summary": "s", "starts_at": "2025-01-31T09:30:00Z", "annotations": {}},
            {"summary": "t"},
        ],
    ],
}
each_format = pytest.mark.parametrize("name", FORMATS)


def check(parse: Parser, raw: bytes) -> None:
    """Either refused, or alerts that can be stored, put on record and read back."""
    try:
        alerts = parse(raw)
    except ValidationFailed:
        return
    assert alerts
    for alert in alerts:
        stored = alert.to_json()
        assert "\\u0000" not in json.dumps(stored).replace("\\\\", "")
        assert NormalizedAlert.from_json(json.loads(rfc8785.dumps(stored))) == alert


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside `value`."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@each_format
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(name: str, raw: bytes) -> None:
    check(FORMATS[name], raw)


@each_format
@given(value=JUNK)
def test_any_json_is_parsed_or_refused(name: str, value: Any) -> None:
    check(FORMATS[name], json.dumps(value).encode())


@each_format
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_an_alert_with_anything_in_any_place_is_parsed_or_refused(
    name: str, data: st.DataObject
) -> None:
    body = json.loads(json.dumps(data.draw(st.sampled_from(SEEDS[name]))))
    container, key = data.draw(st.sampled_from(places(body)))
    container[key] = data.draw(JUNK)
    check(FORMATS[name], json.dumps(body).encode())


@each_format
def test_the_seeds_themselves_are_accepted(name: str) -> None:
    for body in SEEDS[name]:
        assert FORMATS[name](json.dumps(body).encode())
