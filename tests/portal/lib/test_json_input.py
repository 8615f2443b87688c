import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.lib.errors import ValidationFailed
from portal.lib.json_input import JSON, MAX_DEPTH, MAX_ERRORS, loads, shown

STORABLE = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(STORABLE)
)
VALUES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(st.text(STORABLE), below, max_size=4)
    ),
    max_leaves=20,
)


def refusal(raw: bytes, **options: bool) -> list[tuple[str, str]]:
    with pytest.raises(ValidationFailed) as refused:
        loads(raw, **options)
    return [(error.field, error.message) for error in refused.value.errors]


@given(VALUES, st.booleans())
def test_what_can_be_stored_is_read_back(value: JSON, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(ValidationFailed):
        loads(raw)


@given(st.text(st.sampled_from(list('{}[]",:\\u0d8 1eE+-.truefalsn\n')), max_size=60))
@settings(max_examples=300)
def test_anything_like_json_is_read_or_refused(text: str) -> None:
    with suppress(ValidationFailed):
        json.dumps(loads(text.encode()), ensure_ascii=False, allow_nan=False).encode()


def test_a_byte_order_mark_is_skipped() -> None:
    assert loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty; JSON is expected"),
        (b" \r\n\t", "is empty; JSON is expected"),
        (b'{"a": "\xff"}', "is not UTF-8: bad byte 0xff at offset 7"),
        (b'\xef\xbb\xbf"\xc3("', "is not UTF-8: bad byte 0xc3 at offset 4"),
        (b'"\xed\xa0\x80"', "is not UTF-8: bad byte 0xed at offset 1"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8: bad byte 0xff at offset 0"),
        (b'{"a": 1,\n "b" 2}', "is not valid JSON: Expecting ':' delimiter at line 2, column 6"),
        (b"{} {}", "is not valid JSON: Extra data at line 1, column 4"),
        (b'"a\nb"', "is not valid JSON: Invalid control character at line 1, column 3"),
        (b'"a\x00b"', "is not valid JSON: Invalid control character at line 1, column 3"),
        (b'{"a": 1, "b": 2, "a": 3}', 'has the key "a" twice in one object'),
        (b'[{"\\u0061": 1, "a": 2}]', 'has the key "a" twice in one object'),
        (b"[NaN]", "has NaN, which is not JSON"),
        (b"-Infinity", "has -Infinity, which is not JSON"),
        (b"[1e999]", "has a number that is too large: 1e999"),
        (b"-1e400", "has a number that is too large: -1e400"),
        (b"9" * 400, f"has a number that is too large: {'9' * 64}…"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(raw: bytes, message: str) -> None:
    assert refusal(raw) == [("body", message)]


def test_a_number_of_any_length_answers_fast() -> None:
    assert refusal(b"9" * 1_000_000)[0][0] == "body"
    assert loads(b"0." + b"1" * 1_000_000) == pytest.approx(1 / 9)


def test_large_integers_stay_exact() -> None:
    assert loads(b"12345678901234567890123") == 12345678901234567890123
    assert math.isfinite(float(loads(b"9" * 308)))  # type: ignore[arg-type] # a number


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    times = MAX_DEPTH // (opening.count("[") + opening.count("{"))
    allowed = f"{opening * times}1{closing * times}"
    assert loads(allowed.encode())
    message = f"is nested more than {MAX_DEPTH} levels deep"
    assert refusal(f"[{allowed}]".encode()) == [("body", message)]


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 9000 + b"]" * 9000])
def test_nesting_beyond_the_parsers_reach_is_the_same_refusal(raw: bytes) -> None:
    assert refusal(raw) == [("body", f"is nested more than {MAX_DEPTH} levels deep")]


def test_brackets_in_text_are_not_nesting() -> None:
    assert loads(b'"' + b"[" * 1000 + b'"') == "[" * 1000


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (rb'"a\u0000"', "body"),
        (rb'{"alerts": [{}, {"labels": {"pod": "a\u0000b"}}]}', "alerts.1.labels.pod"),
        (rb'[["\u0000"]]', "0.0"),
        (rb'{"labels": {"a\u0000b": "x"}}', r"labels.a\x00b"),
    ],
)
def test_nul_is_refused_where_it_stands(raw: bytes, field: str) -> None:
    assert refusal(raw) == [(field, "holds a NUL character, which cannot be stored")]


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (rb'{"summary": "\ud83d"}', "summary"),
        (rb'{"summary": "\ude00\ud83d"}', "summary"),
        (rb'{"\udfff": 1}', r"\udfff"),
    ],
)
def test_half_a_surrogate_pair_is_refused_where_it_stands(raw: bytes, field: str) -> None:
    message = "holds half a surrogate pair, which is not a character"
    assert refusal(raw) == [(field, message)]
    assert refusal(raw, replace_nul=True) == [(field, message)]


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert loads(rb'{"summary": "\ud83d\ude00 \\u0000"}') == {"summary": "😀 \\u0000"}


def test_nul_can_be_replaced_for_senders_who_only_pass_it_on() -> None:
    raw = rb'{"a\u0000": ["\u0000b\u0000", 1, null]}'
    assert loads(raw, replace_nul=True) == {"a\ufffd": ["\ufffdb\ufffd", 1, None]}


def test_keys_that_become_one_by_replacing_are_refused() -> None:
    raw = '{"a\\u0000": 1, "a\ufffd": 2}'.encode()
    assert refusal(raw, replace_nul=True) == [("body", 'has the key "a\ufffd" twice in one object')]


def test_all_places_are_named_up_to_a_bound() -> None:
    assert [field for field, _ in refusal(rb'["\u0000", 1, "\u0000"]')] == ["0", "2"]
    many: Any = ["\0"] * (3 * MAX_ERRORS)
    assert len(refusal(json.dumps(many).encode())) == MAX_ERRORS


@given(st.text(st.characters()))
def test_a_shown_name_is_short_and_can_be_encoded(text: str) -> None:
    assert len(shown(text)) <= 65 * 10
    assert shown(text).isprintable()
    shown(text).encode()
