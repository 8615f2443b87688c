"""JSON from outside (RFC 8259), read strictly: what cannot be stored and given back as it came is
refused with the place named, not repaired.

- UTF-8 only. One byte order mark at the start is skipped, since some shells write it unasked.
- No duplicate keys: parsers disagree on which one counts. No NaN or Infinity, no number beyond the
  range of a double, no nesting deeper than `MAX_DEPTH`.
- No NUL, which PostgreSQL cannot store, and no lone surrogate, which UTF-8 cannot.
"""

import json
import math
import re
from typing import NoReturn, TypeAlias

from portal.lib.errors import FieldError, ValidationFailed

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

MAX_DEPTH = 64
MAX_ERRORS = 50
_MAX_INTEGER_DIGITS = 308
_SHOWN = 64
_BOM = "\ufeff"
_NUL = "\0"
_REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
# Both can only come from an escape: raw, NUL is no JSON and a surrogate is no UTF-8.
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def loads(raw: bytes, *, replace_nul: bool = False) -> JSON:
    """Parse `raw`, or raise `ValidationFailed` on `body` or the path at fault (`alerts.3.labels`).

    `replace_nul` puts U+FFFD in the place of NUL, for senders who would drop on a refusal what they
    merely pass on.
    """
    text = _decode(raw)
    if not text.strip(" \t\r\n"):
        _refuse("is empty; JSON is expected")
    try:
        value: JSON = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        _refuse(f"is not valid JSON: {what} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse_depth()
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if _SUSPECT_ESCAPE.search(text):
        cleaner = _Cleaner(replace_nul=replace_nul)
        value = cleaner.clean(value, "")
        if cleaner.errors:
            raise ValidationFailed(cleaner.errors)
    return value


def shown(text: str) -> str:
    """A name from outside as a message may repeat it: short, printable, and valid UTF-8."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8: bad byte 0x{raw[error.start]:02x} at offset {error.start}")


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                _refuse(f'has the key "{shown(key)}" twice in one object')
            seen.add(key)
    return result


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS:
        _refuse(f"has a number that is too large: {shown(digits)}")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        _refuse(f"has a number that is too large: {shown(digits)}")
    return number


def _constant(name: str) -> NoReturn:
    _refuse(f"has {name}, which is not JSON")


def _check_depth(value: JSON) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    _refuse_depth()


class _Cleaner:
    """Walks a value of bounded depth in search of characters that cannot be stored."""

    def __init__(self, *, replace_nul: bool) -> None:
        self.replace_nul = replace_nul
        self.errors: list[FieldError] = []

    def clean(self, node: JSON, path: str) -> JSON:
        if isinstance(node, str):
            return self.text(node, path or "body")
        below = f"{path}." if path else ""
        if isinstance(node, list):
            return [self.clean(child, f"{below}{index}") for index, child in enumerate(node)]
        if isinstance(node, dict):
            pairs = [(f"{below}{shown(key)}", key, child) for key, child in node.items()]
            return _object(
                [(self.text(key, at), self.clean(child, at)) for at, key, child in pairs]
            )
        return node

    def text(self, text: str, path: str) -> str:
        if self.replace_nul:
            text = text.replace(_NUL, _REPLACEMENT)
        if _NUL in text:
            self.note(path, "holds a NUL character, which cannot be stored")
        if _SURROGATE.search(text):
            self.note(path, "holds half a surrogate pair, which is not a character")
        return text

    def note(self, path: str, message: str) -> None:
        self.errors.append(FieldError(path, message))
        if len(self.errors) >= MAX_ERRORS:
            raise ValidationFailed(self.errors)


def _refuse_depth() -> NoReturn:
    _refuse(f"is nested more than {MAX_DEPTH} levels deep")


def _refuse(message: str) -> NoReturn:
    raise ValidationFailed([FieldError("body", message)])
