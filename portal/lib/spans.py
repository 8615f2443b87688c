"""Spans of the work at hand. They are made only where `portal.tracing` has put a tracer here;
without one each costs a comparison, and nothing of OpenTelemetry is imported.

A span carries names, never values: no path, no address, no parameter, no text of an error.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

Attributes = Mapping[str, str | int]
NONE: Attributes = MappingProxyType({})


class Kind(StrEnum):
    """A request, a task, or what is asked of another process. The first two go on from what their
    sender says and from nothing else; the last belongs to what runs around it."""

    SERVER = "server"
    CONSUMER = "consumer"
    CLIENT = "client"


class Span(Protocol):
    def rename(self, name: str) -> None: ...
    def note(self, attributes: Attributes) -> None: ...
    def fail(self, error_type: str) -> None: ...


class Tracer(Protocol):
    def span(
        self, kind: Kind, name: str, attributes: Attributes, parent: str
    ) -> AbstractContextManager[Span]:
        """Ends with its body; what that raises marks it failed, by the name of its class."""

    def traceparent(self) -> str:
        """Of the span at hand; empty where there is none."""

    def flush(self, seconds: float) -> None:
        """Sends what has ended, and waits no longer than that."""


class _Nowhere:
    def rename(self, name: str) -> None:
        """Nobody looks."""

    def note(self, attributes: Attributes) -> None:
        """Likewise."""

    def fail(self, error_type: str) -> None:
        """Likewise."""


NOWHERE: AbstractContextManager[Span] = nullcontext(_Nowhere())
_tracer: Tracer | None = None
_is_sent_on: ContextVar[bool] = ContextVar("trace_is_sent_on", default=False)


def install(tracer: Tracer | None) -> None:
    global _tracer  # noqa: PLW0603 - one for the process, set as it starts
    _tracer = tracer


def is_on() -> bool:
    return _tracer is not None


def span(
    kind: Kind, name: str, attributes: Attributes = NONE, *, parent: str = ""
) -> AbstractContextManager[Span]:
    """`parent` is the W3C `traceparent` of who asked, for a request or a task."""
    return _tracer.span(kind, name, attributes, parent) if _tracer else NOWHERE


@contextmanager
def outbound(dependency: str, *, is_sent_on: bool) -> Iterator[None]:
    """Around one attempt at a call out. Only where `is_sent_on` is the trace told to who is called."""
    if _tracer is None:
        yield
        return
    token = _is_sent_on.set(is_sent_on)
    try:
        with _tracer.span(Kind.CLIENT, dependency, {"vigil.dependency": dependency}, ""):
            yield
    finally:
        _is_sent_on.reset(token)


def headers() -> dict[str, str]:
    """What a request out of the process says about the trace: nothing, unless the policy of the
    dependency allows it."""
    found = traceparent() if _is_sent_on.get() else ""
    return {"traceparent": found} if found else {}


def traceparent() -> str:
    return _tracer.traceparent() if _tracer else ""


def span_id() -> str:
    """Of the span at hand, in 16 hexadecimal digits; empty where there is none."""
    found = traceparent()
    return found.split("-")[2] if found else ""


def flush(seconds: float = 2.0) -> None:
    """For a process that is about to end."""
    if _tracer is not None:
        _tracer.flush(seconds)
