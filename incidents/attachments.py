"""Files that people attach: which kinds there are, told by content, and what one is called.

A name decides nothing but which kind of text it is. What a browser could run (HTML, SVG, other XML) is
no kind, and no name ends as if it were one.
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from django.db import models

from portal.lib.errors import FieldError, ValidationFailed

CHUNK = 256 * 1024
MAX_NAME = 120

FIELD = "files"


class MediaType(models.TextChoices):
    PNG = "image/png", "PNG"
    JPEG = "image/jpeg", "JPEG"
    GIF = "image/gif", "GIF"
    PDF = "application/pdf", "PDF"
    JSON = "application/json", "JSON"
    CSV = "text/csv", "CSV"
    TEXT = "text/plain", "Text"


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"%PDF-", MediaType.PDF),
)
# The first is what a name gets that ends in none of them.
ENDINGS = {
    MediaType.PNG: (".png",),
    MediaType.JPEG: (".jpg", ".jpeg"),
    MediaType.GIF: (".gif",),
    MediaType.PDF: (".pdf",),
    MediaType.JSON: (".json",),
    MediaType.CSV: (".csv",),
    MediaType.TEXT: (
        ".txt",
        ".log",
        ".md",
        ".diff",
        ".patch",
        ".yaml",
        ".yml",
        ".ndjson",
        ".jsonl",
    ),
}
ACCEPTED = ",".join(ending for endings in ENDINGS.values() for ending in endings)
_BY_NAME = {".json": MediaType.JSON, ".csv": MediaType.CSV}
# Logs hold colours (ESC), tabs and page breaks.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(r"<[!?a-zA-Z]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was checked; `file` can be read again from its beginning."""

    name: str
    media_type: MediaType
    size: int
    sha256: str
    file: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        self.file.seek(0)
        while piece := self.file.read(CHUNK):
            yield piece

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "type": self.media_type.value,
            "size": self.size,
            "sha256": self.sha256,
        }


def checked(name: str, file: IO[bytes], *, limit: int) -> Upload:
    """Reads it once, a piece at a time. Raises `ValidationFailed` for `files`."""
    shown = _printable(name)
    size, digest = 0, hashlib.sha256()
    found: MediaType | None = None
    text = _Text()
    file.seek(0)
    while piece := file.read(CHUNK):
        if not size:
            found = next((kind for magic, kind in _MAGIC if piece.startswith(magic)), None)
        size += len(piece)
        if size > limit:
            raise _refused(shown, f"is larger than {limit >> 20} MiB.")
        digest.update(piece)
        if found is None and not text.goes_on(piece):
            break
    if not size:
        raise _refused(shown, "is empty.")
    if found is None and not text.is_whole():
        kinds = ", ".join(kind.label for kind in MediaType)
        raise _refused(shown, f"is none of the kinds that can be attached: {kinds}.")
    kind = found or _BY_NAME.get(_ending(shown), MediaType.TEXT)
    return Upload(_named(shown, kind), kind, size, digest.hexdigest(), file)


class _Text:
    """Whether bytes are plain text in UTF-8, told piece by piece."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._is_text, self._has_begun = True, False

    def goes_on(self, piece: bytes, *, final: bool = False) -> bool:
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            text = "\0"
        if not self._has_begun and (begins := text.lstrip()):
            self._has_begun = True
            self._is_text = not _MARKUP.match(begins)
        self._is_text = self._is_text and not _NO_TEXT.search(text)
        return self._is_text

    def is_whole(self) -> bool:
        return self._is_text and self.goes_on(b"", final=True)


def _printable(name: str) -> str:
    """Without a path, control characters, or what turns the direction of writing."""
    last = re.split(r"[/\\]", name)[-1]
    kept = (
        c for c in unicodedata.normalize("NFC", last) if not unicodedata.category(c).startswith("C")
    )
    return re.sub(r'[\s"\'<>|:*?;%]+', " ", "".join(kept)).strip(" .") or "file"


def _named(name: str, kind: MediaType) -> str:
    ending = _ending(name)
    if ending not in ENDINGS[kind]:
        name, ending = f"{name}{ENDINGS[kind][0]}", ENDINGS[kind][0]
    return name[: -len(ending)][: MAX_NAME - len(ending)] + ending


def _ending(name: str) -> str:
    _stem, dot, ending = name.rpartition(".")
    return f"{dot}{ending}".lower()


def _refused(name: str, why: str) -> ValidationFailed:
    return ValidationFailed([FieldError(FIELD, f"{name[:MAX_NAME]} {why}")])
