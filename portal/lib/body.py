"""Reads a request's body as a bounded stream, so that no client decides how much memory it takes.

`request.body` is not used: it stops at `DATA_UPLOAD_MAX_MEMORY_SIZE`, which is meant for forms, and
knows nothing of `Content-Encoding`. What is refused is refused whole; a body that was cut short is
never taken for a complete one.
"""

import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

from django.http import HttpRequest
from gunicorn.http.errors import ParseException

from portal.lib.errors import FieldError, PayloadTooLarge, UnsupportedMediaType, ValidationFailed

DEFAULT_LIMIT = 10 * 1024 * 1024
CHUNK = 64 * 1024
# Clients that compress write by write send some members; thousands of empty ones are an attack on
# the processor, since each costs a new decompressor.
MAX_GZIP_MEMBERS = 1_000
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def read_body(request: HttpRequest, limit: int = DEFAULT_LIMIT) -> bytes:
    """The body, decompressed; never more than `limit` bytes of it, on the wire or decompressed.

    Raises `PayloadTooLarge`, `UnsupportedMediaType` for an encoding other than gzip and identity,
    and `ValidationFailed` for `body` when it is cut short or not gzip though it says so.
    """
    is_gzip = _is_gzip(request.META.get("HTTP_CONTENT_ENCODING", ""))
    announced = _content_length(request)
    if announced is not None and announced > limit:
        raise PayloadTooLarge(limit)
    wire = _wire_chunks(request, announced, limit)
    body = io.BytesIO()
    for chunk in _gunzip(wire, limit) if is_gzip else wire:
        if body.tell() + len(chunk) > limit:
            raise PayloadTooLarge(limit)
        body.write(chunk)
    return body.getvalue()


def _is_gzip(content_encoding: str) -> bool:
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    match [coding for coding in codings if coding not in {"", "identity"}]:
        case []:
            return False
        case ["gzip" | "x-gzip"]:
            return True
    msg = "This Content-Encoding is not supported; send gzip or identity."
    raise UnsupportedMediaType(msg)


def _content_length(request: HttpRequest) -> int | None:
    announced = str(request.META.get("CONTENT_LENGTH") or "").strip()
    return int(announced) if re.fullmatch(r"[0-9]{1,18}", announced) else None


def _stream(request: HttpRequest) -> Any:
    """Django takes a body without Content-Length for empty; the server knows where it ends."""
    meta = request.META
    is_chunked = "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower()
    if is_chunked and meta.get("wsgi.input_terminated") and not hasattr(request, "_body"):
        return meta["wsgi.input"]
    return request


def _wire_chunks(request: HttpRequest, announced: int | None, limit: int) -> Iterator[bytes]:
    """What arrives, at most one byte over `limit` in all."""
    stream = _stream(request)
    received = 0
    while received <= limit:
        try:
            chunk = stream.read(min(CHUNK, limit + 1 - received))
        except (OSError, ParseException):
            _refuse("the connection ended before the whole body arrived")
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    # A server reports a client that went away as the end of the body.
    if announced is not None and received < announced:
        _refuse(f"only {received} of the announced {announced} bytes arrived")


def _gunzip(wire: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Decompressed pieces of at most `CHUNK` bytes, of one or several gzip members."""
    members = 1
    member = zlib.decompressobj(_GZIP_WINDOW)
    received = 0
    for chunk in wire:
        received += len(chunk)
        if received > limit:
            raise PayloadTooLarge(limit)
        pending = chunk
        while pending:
            if member.eof:
                # Writers may pad with zeros after a member as tapes and block devices need it.
                pending = pending.lstrip(b"\0")
                if not pending:
                    break
                members += 1
                if members > MAX_GZIP_MEMBERS:
                    _refuse(f"has more than {MAX_GZIP_MEMBERS} gzip members")
                member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = member.decompress(pending, CHUNK)
            except zlib.error:
                _refuse("is not valid gzip")
            yield piece
            pending = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        _refuse("the gzip data is cut short")


def _refuse(message: str) -> NoReturn:
    raise ValidationFailed([FieldError("body", message)])
