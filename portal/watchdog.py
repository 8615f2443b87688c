"""Looks at the installation from outside, every few seconds, needing neither database nor broker.

A probe that hangs, raises or answers late is a probe that fails; the watchdog itself goes on, and
tells its `pager` of what fails. Who wants to know what it saw last reads `var/watchdog.json`, and
judges by `beat_at` whether it lives.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

INTERVAL = 5.0
# A beat that waits for slow probes may come late by as much.
MISSED = timedelta(seconds=2 * INTERVAL)

log = structlog.get_logger("portal.watchdog")


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    look: Callable[[], Finding]
    timeout: float = 4.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A probe's state as in `watchdog.json`; `since` is when it entered this state, `failed_at` when
    it began to fail last, if ever."""

    state: State
    since: datetime
    detail: str
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`missed_at` is when the watchdog's own last beat was due that did not come; None where none is
    known. `unpaged` is why on-call could not be told of what fails, empty where they could."""

    beat_at: datetime
    probes: dict[str, Watched]
    missed_at: datetime | None = None
    unpaged: str = ""


class Pager(Protocol):
    def tell(self, probes: Mapping[str, Watched], now: datetime) -> str:
        """Sees to it that on-call knows, without holding anything up; why they do not, or ""."""


class _Look:
    """One look through a probe, in a thread of its own, since nothing can be trusted to end."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._finding: Finding | None = None
        self.thread = threading.Thread(target=self._run, name=probe.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._finding = self._probe.look()
        except BaseException as error:  # noqa: BLE001
            text = " ".join(str(error).split())
            self._finding = Finding(State.FAILING, f"{type(error).__name__}: {text}"[:300])

    def finding(self, deadline: float) -> Finding:
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if self._finding is None:
            return Finding(State.FAILING, f"no answer in {self._probe.timeout:g} s")
        return self._finding


class Watchdog:
    def __init__(
        self, *, probes: Sequence[Probe], state_file: Path, pager: Pager | None = None
    ) -> None:
        self._probes = probes
        self._pager = pager
        self._state_file = state_file
        self._looks: dict[str, _Look] = {}
        self._seen: dict[str, Watched] = {}
        self._is_file_writable = True
        before = read_report(state_file)
        self._beat_at = before.beat_at if before else None
        self._missed_at = before.missed_at if before else None
        self._failed_at = {n: seen.failed_at for n, seen in before.probes.items()} if before else {}

    def run(self, stop: threading.Event, *, interval: float = INTERVAL) -> None:
        while not stop.is_set():
            begun = time.monotonic()
            self.beat()
            stop.wait(max(0.0, begun + interval - time.monotonic()))

    def beat(self) -> Report:
        begun = time.monotonic()
        for probe in self._probes:
            # One that still hangs from an earlier beat is not started a second time.
            if probe.name not in self._looks or not self._looks[probe.name].thread.is_alive():
                self._looks[probe.name] = _Look(probe)
        now = datetime.now(UTC)
        for probe in self._probes:
            finding = self._looks[probe.name].finding(begun + probe.timeout)
            self._seen[probe.name] = self._compare(probe.name, finding, now)
        if self._beat_at and now - self._beat_at > MISSED:
            self._missed_at = self._beat_at + timedelta(seconds=INTERVAL)
            log.warning("beat missed", due_at=self._missed_at.isoformat())
        self._beat_at = now
        seen = dict(self._seen)
        unpaged = self._pager.tell(seen, now) if self._pager else ""
        report = Report(now, seen, self._missed_at, unpaged)
        self._write(report)
        return report

    def _compare(self, name: str, found: Finding, now: datetime) -> Watched:
        before = self._seen.get(name, Watched(State.OK, now, "", self._failed_at.get(name)))
        if found.state == before.state:
            return replace(before, detail=found.detail)
        seconds = round((now - before.since).total_seconds())
        facts = {"probe": name, "state": found.state.value, "before": before.state.value}
        if found.state == State.OK:
            log.info("probe recovered", **facts, after_seconds=seconds)
        elif found.state == State.WARNING:
            log.warning("probe warns", **facts, detail=found.detail)
        else:
            log.error("probe fails", **facts, detail=found.detail)
        failed_at = now if found.state is State.FAILING else before.failed_at
        return Watched(found.state, now, found.detail, failed_at)

    def _write(self, report: Report) -> None:
        """Replaces the file in one step, so that a reader never meets half of it."""
        unfinished = self._state_file.with_name(f".{self._state_file.name}.{os.getpid()}")
        try:
            unfinished.write_text(json.dumps(asdict(report), default=_as_text))
            unfinished.replace(self._state_file)
        except OSError as error:
            if self._is_file_writable:
                log.error("state file cannot be written", detail=str(error))  # noqa: TRY400
            self._is_file_writable = False
        else:
            self._is_file_writable = True


def read_report(state_file: Path) -> Report | None:
    """What the watchdog saw last, or None where it never ran or its file cannot be read."""
    try:
        raw = json.loads(state_file.read_bytes())
        return Report(
            beat_at=datetime.fromisoformat(raw["beat_at"]),
            probes={
                name: Watched(
                    State(seen["state"]),
                    datetime.fromisoformat(seen["since"]),
                    seen["detail"],
                    _instant(seen.get("failed_at")),
                )
                for name, seen in raw["probes"].items()
            },
            missed_at=_instant(raw.get("missed_at")),
            unpaged=str(raw.get("unpaged", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
