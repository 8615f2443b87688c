"""This process's writer, made when the first line is due: after a fork, not before it."""

import atexit
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.journal import line
from audit.journal.directory import seals_pending as directory_seals
from audit.journal.intent import Intent
from audit.journal.seal import Seal
from audit.journal.space import Listener
from audit.journal.writer import Writer
from portal.lib.trace import trace_id

_writers: dict[Path, Writer] = {}
_listeners: list[Listener] = []


def directory() -> Path:
    configured: Path | None = getattr(settings, "JOURNAL_DIR", None)
    return configured or Path(settings.VAR.var) / "journal"


def writer() -> Writer:
    where = directory()
    found = _writers.get(where)
    if found is None:
        # Threads that come here together all get the one that was put there first.
        found = _writers.setdefault(where, Writer(where))
        found.guard.listeners = _listeners
    return found


def intent(  # noqa: PLR0913 - a decision has that many parts
    *,
    actor: str,
    action: str,
    target: str,
    verdict: str,
    policy: str = "",
    event_id: int | None = None,
    **more: Any,
) -> Intent:
    """Writes down what is about to be done and returns once it is on the disk.

    `event_id` is the number drawn for its ledger event. Raises `JournalUnavailable`, and
    `ValidationFailed` where it is longer than a line may be.
    """
    return writer().intent(
        event_id=event_id,
        actor=actor,
        action=action,
        target=target,
        verdict=verdict,
        policy=policy,
        trace_id=trace_id(),
        **more,
    )


def refused(*, of: str, why: str, actor: str, action: str, target: str) -> None:
    """Writes down an attempt that came to no intent, while the `of`, see `outage`, was away. Never
    raises."""
    writer().refused(of=of, why=why, actor=actor, action=action, target=target, trace_id=trace_id())


def note(kind: str, **fields: Any) -> int:
    """Any other line that must last, like the state in which the gate latched."""
    if kind in line.OWN_KINDS:
        msg = f"{kind} lines are the journal's own"
        raise ValueError(msg)
    return writer().note(kind, **fields)


def preflight() -> None:
    """Raises `JournalUnavailable` where an intent would be refused now."""
    writer().preflight()


def seals_pending(known: Collection[str]) -> list[Seal]:
    """Seals of this machine's finished files, but those whose names are `known`."""
    return directory_seals(directory(), known)


def on_space(listener: Listener) -> None:
    """Calls it with the state of the disk and its free share, whenever the state changes. Whoever
    writes waits for it, so it only sets a value."""
    _listeners.append(listener)


def close() -> None:
    """Seals this process's file."""
    for each in _writers.values():
        each.close()


def _begin_in_child() -> None:
    for each in _writers.values():
        each.begin_in_child()


os.register_at_fork(after_in_child=_begin_in_child)
atexit.register(close)
