import gzip
import io
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from gunicorn.http.errors import InvalidChunkSize  # type: ignore[import-untyped]  # has no stubs
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.lib import errors
from portal.lib.body import CHUNK, DEFAULT_LIMIT, MAX_GZIP_MEMBERS, read_body

MIB = 1024 * 1024


class Wire(io.BytesIO):
    """What a server hands over: `failure` stands for the point where the client went away."""

    def __init__(self, data: bytes, failure: Exception | None = None) -> None:
        super().__init__(data)
        self.failure = failure
        self.was_read = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_read = True
        data = super().read(size)
        if not data and self.failure is not None:
            raise self.failure
        return data


def post(
    data: bytes | Wire, *, encoding: str | None = None, length: int | str | None = None
) -> HttpRequest:
    wire = data if isinstance(data, Wire) else Wire(data)
    announced = len(wire.getvalue()) if length is None else length
    environ: dict[str, Any] = {"wsgi.input": wire, "CONTENT_LENGTH": str(announced)}
    if encoding is not None:
        environ["HTTP_CONTENT_ENCODING"] = encoding
    return RequestFactory().generic("POST", "/api/v1/alerts/", b"", **environ)


def chunked(wire: Wire, **extra: Any) -> HttpRequest:
    environ: dict[str, Any] = {"wsgi.input": wire, "CONTENT_LENGTH": ""}
    environ |= {"wsgi.input_terminated": True} | extra
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return RequestFactory().generic("POST", "/api/v1/alerts/", b"", **environ)


def bomb(mebibytes: int) -> bytes:
    """Gzip of that many MiB of zeros: a flushed block can be repeated without compressing again."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (mebibytes - 1)


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """Fills in the most bytes that were allocated at once during the test."""
    measured: list[int] = []
    tracemalloc.start()
    yield measured
    tracemalloc.stop()


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_plain_body_is_read_as_it_is(encoding: str | None) -> None:
    assert read_body(post(b'{"a": 1}', encoding=encoding)) == b'{"a": 1}'


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
def test_a_gzip_body_is_decompressed(encoding: str) -> None:
    assert read_body(post(gzip.compress(b"alert"), encoding=encoding)) == b"alert"


def test_several_gzip_members_are_one_body() -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + bytes(100)
    assert read_body(post(data, encoding="gzip")) == b"one two"


def test_what_comes_after_the_gzip_data_is_not_ignored() -> None:
    with pytest.raises(errors.ValidationFailed, match="body: is not valid gzip"):
        read_body(post(gzip.compress(b"alert") + b"junk", encoding="gzip"))


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=5), st.integers(0, 3))
@settings(deadline=None)
def test_gzip_is_read_back_at_any_size_and_limit(parts: list[bytes], spare: int) -> None:
    body = b"".join(parts)
    wire = b"".join(gzip.compress(part) for part in parts)
    limit = max(len(body), len(wire)) + spare
    assert read_body(post(wire, encoding="gzip"), limit) == body


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_that_claim_to_be_gzip_are_read_or_refused(junk: bytes) -> None:
    for data in (junk, gzip.compress(junk)[: len(junk)], gzip.compress(b"") + junk):
        try:
            read_body(post(data, encoding="gzip"), 200)
        except (errors.ValidationFailed, errors.PayloadTooLarge):
            continue


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip", "zstd", "gzip;q=1"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType, match="gzip or identity"):
        read_body(post(b"x", encoding=encoding))


@pytest.mark.parametrize("cut", [0, 1, 9, 10, 20, -8, -1])
def test_gzip_that_is_cut_short_is_refused(cut: int) -> None:
    data = gzip.compress(bytes(range(256)) * 10)[:cut]
    with pytest.raises(errors.ValidationFailed, match="body: the gzip data is cut short"):
        read_body(post(data, encoding="gzip"))


@pytest.mark.parametrize("at", [0, 2, 12, -6, -2])
def test_gzip_with_a_flipped_byte_is_refused(at: int) -> None:
    data = bytearray(gzip.compress(bytes(range(256)) * 10))
    data[at] ^= 0xFF
    with pytest.raises(errors.ValidationFailed) as refused:
        read_body(post(bytes(data), encoding="gzip"))
    assert [error.field for error in refused.value.errors] == ["body"]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_limit_itself_is_still_accepted(encoding: str) -> None:
    body = bytes(3 * CHUNK)
    wire = gzip.compress(body) if encoding == "gzip" else body
    assert read_body(post(wire, encoding=encoding), len(body)) == body
    with pytest.raises(errors.PayloadTooLarge, match=f"larger than {len(body) - 1} bytes"):
        read_body(post(wire, encoding=encoding), len(body) - 1)


def test_the_default_limit_is_above_what_django_allows_a_form() -> None:
    body = bytes(DEFAULT_LIMIT)
    assert read_body(post(body)) == body


def test_a_body_announced_too_large_is_refused_unread() -> None:
    wire = Wire(b"x" * 100)
    with pytest.raises(errors.PayloadTooLarge):
        read_body(post(wire, length=DEFAULT_LIMIT + 1))
    assert not wire.was_read


def test_a_one_gibibyte_bomb_takes_no_more_memory_than_the_limit(peak: list[int]) -> None:
    wire = bomb(1024)
    assert len(wire) < 2 * MIB
    request = post(wire, encoding="gzip")
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    with pytest.raises(errors.PayloadTooLarge):
        read_body(request, 4 * MIB)
    peak.append(tracemalloc.get_traced_memory()[1] - before)
    assert peak[0] < 4 * MIB * 1.25 + 8 * CHUNK


def test_compressed_data_is_bounded_on_the_wire_too() -> None:
    empty = gzip.compress(b"")
    with pytest.raises(errors.PayloadTooLarge):
        read_body(chunked(Wire(empty * 60), HTTP_CONTENT_ENCODING="gzip"), len(empty) * 50)


def test_a_flood_of_empty_members_is_refused() -> None:
    wire = gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1)
    with pytest.raises(errors.ValidationFailed, match="gzip members"):
        read_body(post(wire, encoding="gzip"))


def test_a_client_that_hung_up_is_not_mistaken_for_a_complete_body() -> None:
    with pytest.raises(errors.ValidationFailed, match="only 8 of the announced 20 bytes"):
        read_body(post(b'{"a": 1}', length=20))


def test_a_broken_connection_is_the_senders_error() -> None:
    wire = Wire(b'{"a"', failure=ConnectionResetError(104, "reset by peer 10.0.0.7"))
    with pytest.raises(errors.ValidationFailed, match="the connection ended") as refused:
        read_body(post(wire, length=20))
    assert "10.0.0.7" not in str(refused.value)


def test_a_chunked_body_is_read_to_the_end_that_the_server_knows() -> None:
    assert read_body(chunked(Wire(b'{"a": 1}'))) == b'{"a": 1}'


def test_a_chunked_body_is_bounded() -> None:
    wire = Wire(bytes(MIB))
    with pytest.raises(errors.PayloadTooLarge):
        read_body(chunked(wire), 1000)
    assert wire.tell() == 1001


@pytest.mark.parametrize("failure", [InvalidChunkSize(b"zz"), OSError()])
def test_broken_chunks_are_the_senders_error(failure: Exception) -> None:
    with pytest.raises(errors.ValidationFailed, match="the connection ended"):
        read_body(chunked(Wire(b"x", failure=failure)))


def test_a_server_that_does_not_end_the_stream_is_not_waited_for() -> None:
    wire = Wire(b"next request")
    assert read_body(chunked(wire, **{"wsgi.input_terminated": False})) == b""
    assert not wire.was_read


@pytest.mark.parametrize("length", ["", "-5", "+8", "1_0", "a", "9" * 5000])
def test_a_content_length_that_is_no_number_announces_nothing(length: str) -> None:
    request = post(b"x", length=length)
    assert read_body(request) in {b"", b"x"}


def test_a_body_that_was_read_before_is_still_there() -> None:
    request = post(b"seen")
    assert request.body == b"seen"
    assert read_body(request) == b"seen"
