"""The trace id of whatever runs: 32 lowercase hexadecimal digits.

A caller's W3C `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header) is honoured
if it is valid to the letter; otherwise it is ignored and a new id is drawn, as the standard asks.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_current: ContextVar[str] = ContextVar("vigil_trace_id", default="")

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace_id>[0-9a-f]{32})-(?P<parent_id>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_INVALID_VERSION = "ff"
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that asked for this, as its `traceparent` says."""

    trace_id: str
    span_id: str
    is_sampled: bool


def trace_id() -> str:
    """The id of the running request or task; empty where neither has begun."""
    return _current.get()


def start_trace(traceparent: str | None) -> str:
    """Begin a trace, the caller's or a new one, and return its id.

    It lasts until the next one begins in this thread, so that what is logged after the response
    still carries it.
    """
    parent = parent_of(traceparent or "")
    new = parent.trace_id if parent else _new()
    _current.set(new)
    return new


@contextmanager
def bound(sender: str | None) -> Iterator[str]:
    """Run a task under the trace id of its sender, which is told by itself or in a `traceparent`;
    under a new one if `sender` is neither."""
    parent = parent_of(sender or "")
    if parent is not None:
        sender = parent.trace_id
    bound_id = sender if sender and _TRACE_ID.fullmatch(sender) else _new()
    token = _current.set(bound_id)
    try:
        yield bound_id
    finally:
        _current.reset(token)


def parent_of(traceparent: str) -> Parent | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match["version"] == _INVALID_VERSION:
        return None
    # Later versions may append fields; version 00 has none.
    if match["version"] == "00" and match["rest"] is not None:
        return None
    if not int(match["parent_id"], 16) or not int(match["trace_id"], 16):
        return None
    is_sampled = bool(int(match["flags"], 16) & _SAMPLED)
    return Parent(match["trace_id"], match["parent_id"], is_sampled)


def _new() -> str:
    return secrets.token_hex(16)
