"""JSON in the one spelling of RFC 8785 (JSON Canonicalization Scheme), for what is hashed."""

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

MAX_INTEGER = 2**53 - 1
# For objects with ASCII keys, and without floats, Python's own encoder spells JSON as RFC 8785 does,
# several times as fast as a general canonicaliser.
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


class NotCanonical(ValueError):
    """It has no canonical spelling, such as a number that JSON cannot hold, or half a character."""


def dumps(value: Mapping[str, Any]) -> bytes:
    """Raises `NotCanonical`."""
    try:
        if _is_plain(value):
            return _encode(value).encode()
        return rfc8785.dumps(dict(value))
    except (ValueError, TypeError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def _is_plain(value: object) -> bool:
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if isinstance(value, dict):
        return all(
            isinstance(name, str) and name.isascii() and _is_plain(each)
            for name, each in value.items()
        )
    return isinstance(value, list | tuple) and all(map(_is_plain, value))
