import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.journal import line
from audit.journal.line import BadLine, canonical, encode, parse

WRITER = "6f1c0c6e-4f0b-4c55-9a3e-0d9f6f1f5a11"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
ANY = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=5
)


def encoded(**fields: object) -> bytes:
    return encode(writer=WRITER, seq=3, kind="intent", prev="a" * 64, fields=fields)


@given(st.dictionaries(TEXT, PLAIN | ANY, max_size=4))
def test_a_line_is_spelled_as_rfc_8785_has_it(fields: dict[str, object]) -> None:
    assert canonical(fields) == rfc8785.dumps(fields)


@settings(max_examples=50)
@given(st.dictionaries(TEXT.map("x".__add__), ANY, max_size=4))
def test_what_was_written_is_read(fields: dict[str, object]) -> None:
    found = parse(encoded(**fields), 1)
    assert found.fields == fields
    assert (found.writer, found.seq, found.kind, found.prev) == (WRITER, 3, "intent", "a" * 64)


def test_a_line_feed_never_stands_inside_a_line() -> None:
    assert b"\n" not in encoded(target="a\nb\r\n\u2028")


@pytest.mark.parametrize(
    "fields",
    [{"at": "now"}, {"x": "y" * 65_535}, {"x": "\ud800"}, {"x": float("nan")}, {"x": 2**53}],
    ids=["a field of the chain", "too long", "lone surrogate", "not a number", "too large"],
)
def test_what_cannot_be_a_line_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadLine):
        encoded(**fields)


GOOD = json.loads(encoded(actor="user:7"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 40,
        b"[" * 100_000,
        b"{}",
        b"[1]",
        b"\xff\xfe",
        encoded(a=1) + b" ",
        encoded(a=1).replace(b'"a":1', b'"a":1,"a":1'),
        encoded(a=1).replace(b'"a":1', b'"a":1.0'),
        encoded(a="\xe9").replace("é".encode(), b"\\u00e9"),
        *(canonical({**GOOD, "seq": seq}) for seq in (0, -1, True, "3")),
        *(canonical({**GOOD, "v": version}) for version in (0, 2, True)),
        *(canonical({**GOOD, "writer": writer}) for writer in (7, "me", WRITER.upper())),
        *(canonical({**GOOD, "prev": prev}) for prev in (None, "A" * 64, "a" * 63)),
        *(canonical({**GOOD, "at": at}) for at in (5, "yesterday", "2026-02-12T18:30:00Z")),
        canonical({**GOOD, "kind": None}),
    ],
)
def test_what_is_no_line_is_refused(raw: bytes) -> None:
    with pytest.raises(BadLine):
        parse(raw, 1)


def test_what_a_power_cut_leaves_is_told_apart() -> None:
    with pytest.raises(BadLine, match="power cut"):
        parse(b"\0" * 512, 1)


def test_the_instant_is_utc_to_the_microsecond() -> None:
    assert line.now().endswith("Z")
    assert len(line.now()) == len("2026-02-12T18:30:00.000000Z")
