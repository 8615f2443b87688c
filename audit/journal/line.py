r"""One line of a journal: canonical JSON (RFC 8785), ended by a line feed.

    {"at":"2026-02-12T18:30:00.000000Z","kind":"intent","prev":"9f…","seq":2,"v":1,"writer":"…",…}\n

`seq` counts the lines of a writer, through all of its files. `prev` is the SHA-256 of the line
before, without its line feed; in the first line of a file, of a line in the file before (`after`).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.lib.canonical import NotCanonical, dumps

VERSION = 1
MAX_LINE = 65_535
NOTHING = "0" * 64
"""What `prev` says where no line came before."""

OPEN, INTENT, OUTCOME, SEAL, RESUMED = "open", "intent", "outcome", "seal", "resumed"
REFUSED = "refused"
OWN_KINDS = {OPEN, INTENT, OUTCOME, SEAL, RESUMED, REFUSED}
COMMITTED, ROLLED_BACK = "committed", "rolled_back"

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_CHAIN = {"v", "writer", "seq", "at", "kind", "prev"}


class BadLine(ValueError):
    """Not a line of a journal, or one that cannot become one."""


@dataclass(frozen=True, slots=True)
class Line:
    """`number` is its place in the file, from 1; `raw` are its bytes without the line feed."""

    number: int
    raw: bytes
    writer: str
    seq: int
    at: str
    kind: str
    prev: str
    fields: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest(self.raw)


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def now() -> str:
    """RFC 3339 in UTC to the microsecond, like `2026-02-12T18:30:00.000000Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(*, writer: str, seq: int, kind: str, prev: str, fields: Mapping[str, Any]) -> bytes:
    """The line without its line feed, as of now. Raises `BadLine`."""
    if clash := _CHAIN & fields.keys():
        raise BadLine(f"a line has its own {', '.join(sorted(clash))}")
    chain = {"v": VERSION, "writer": writer, "seq": seq, "kind": kind, "prev": prev, "at": now()}
    raw = canonical({**fields, **chain})
    if len(raw) > MAX_LINE:
        raise BadLine(f"it would take {len(raw)} bytes; {MAX_LINE} is the limit")
    return raw


def parse(raw: bytes, number: int) -> Line:
    """Raises `BadLine` with what is wrong, also where the JSON is not in its canonical spelling."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if raw and not raw.strip(b"\0"):
            raise BadLine("NUL bytes only, such as a power cut leaves behind") from error
        raise BadLine("not JSON") from error
    if not isinstance(fields, dict) or canonical(fields) != raw:
        raise BadLine("not a JSON object in its canonical spelling")
    chain = {name: fields.pop(name, None) for name in _CHAIN}
    match chain:
        case {"v": 1, "seq": int(seq), "writer": str(writer), "kind": str(kind)} if (
            chain["v"] is not True and seq is not True and seq > 0 and _UUID.fullmatch(writer)
        ):
            at, prev = chain["at"], chain["prev"]
        case _:
            raise BadLine("not version 1, or without writer, number or kind")
    if not isinstance(at, str) or not _AT.fullmatch(at):
        raise BadLine("without its instant")
    if not isinstance(prev, str) or not _SHA256.fullmatch(prev):
        raise BadLine("without the digest of the line before")
    return Line(number, raw, writer, seq, at, kind, prev, fields)


def canonical(fields: Mapping[str, Any]) -> bytes:
    """RFC 8785. Raises `BadLine`."""
    try:
        return dumps(fields)
    except NotCanonical as error:
        raise BadLine(f"cannot be written as canonical JSON: {error}") from error
