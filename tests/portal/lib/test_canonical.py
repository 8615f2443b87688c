"""RFC 8785, held against an implementation that is not ours."""

from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.canonical import MAX_INTEGER, NotCanonical, dumps

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


@given(st.dictionaries(TEXT, VALUES))
def test_it_spells_everything_as_the_standard_does(value: dict[str, Any]) -> None:
    assert dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        ({"é": 1, "a": "\x1f\x7f\u2028"}, '{"a":"\\u001f\x7f\u2028","é":1}'.encode()),
        # By UTF-16 code units, where U+FB33 comes after an astral character.
        ({"\ufb33": 1, "😀": 2}, '{"😀":2,"\ufb33":1}'.encode()),
        ({"a": 1e21, "b": -0.0, "c": 1.0}, b'{"a":1e+21,"b":0,"c":1}'),
        ({"a": Colour.RED, "b": ("x", {"y": 1})}, b'{"a":"red","b":["x",{"y":1}]}'),
    ],
)
def test_examples(value: dict[str, Any], spelled: bytes) -> None:
    assert dumps(value) == spelled


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", object(), b"x", {1: 2}]
)
def test_what_has_no_spelling_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        dumps({"nested": [value]})


def test_what_refers_to_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(NotCanonical):
        dumps({"a": endless})
