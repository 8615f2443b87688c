"""What a person sees while the stack runs: a short line for what matters, the rest in files."""

import json
import os
import re
import sys
import threading
import time
from http import HTTPStatus
from typing import Any, TextIO

QUIET_PATHS = ("/health/", "/static/", "/metrics", "/favicon")
SLOW_MS = 1000
LONGEST = 200
# Services that do not write JSON say how grave a line is in words of their own.
GRAVE = {
    "postgres": re.compile(r"\b(?:FATAL|PANIC): "),
    "broker": re.compile(r" # .*(?:error|fatal|can't|fail|corrupt)", re.IGNORECASE),
}
GRAVE_ELSEWHERE = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|CommandError)\b")
# What PostgreSQL calls fatal is the end of one session; these two are everyday.
EVERYDAY = re.compile(r"the database system is|terminating connection|Memory overcommit")
CONTEXT = {"event", "level", "logger", "timestamp", "exception", "stack", "trace_id"}
COLOURS = {"time": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "end": "\x1b[0m"}


class Terminal:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colours = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self.quiet = False

    def say(self, text: str = "") -> None:
        with self._lock:
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody is looking any more, which stops nothing

    def line(self, name: str, text: str, level: str = "info") -> None:
        at = time.strftime("%H:%M:%S")
        if self._colours:
            start = COLOURS.get(level, "")
            self.say(
                f"{COLOURS['time']}{at}  {name:<9}{COLOURS['end']} {start}{text}{COLOURS['end']}"
            )
        else:
            self.say(f"{at}  {name:<9} {text}")

    def follow(self, name: str, line: str) -> None:
        """One line that a process wrote: shown short, or not at all."""
        if not self.quiet and (found := summary(name, line)):
            self.line(name, found[0], found[1])


def summary(name: str, line: str) -> tuple[str, str] | None:
    """The short form of a process's log line and its level, or None for one of no interest."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            return _record(name, record)
    grave = GRAVE.get(name, GRAVE_ELSEWHERE)
    if grave.search(line) and not EVERYDAY.search(line):
        return _short(line), "error"
    return None


def _record(name: str, record: dict[str, Any]) -> tuple[str, str] | None:
    match record:
        case {"event": "request", "path": str(path), "status": int(status), "ms": int(took)}:
            return _request(record, path, status, took)
    level = str(record.get("level", "info"))
    if level in {"debug", "info"} and name != "watchdog":
        return None
    facts = " ".join(f"{key}={value}" for key, value in record.items() if key not in CONTEXT)
    text = " ".join(filter(None, (str(record.get("event", "")), facts)))
    if exception := str(record.get("exception", "")).strip():
        text = f"{text}: {exception.splitlines()[-1]}"
    text = _short(text)
    if trace := record.get("trace_id"):
        text = f"{text} trace {trace}"
    return text, "error" if level == "critical" else level


def _request(record: dict[str, Any], path: str, status: int, took: int) -> tuple[str, str] | None:
    is_broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    is_fine = status < HTTPStatus.BAD_REQUEST and took < SLOW_MS
    is_routine = path.startswith(QUIET_PATHS) or (
        record.get("method") in {"GET", "HEAD"} and bool(record.get("poll"))
    )
    if is_fine and is_routine:
        return None
    text = _short(f"{record.get('method')} {path} {status} in {took} ms")
    if is_broken:
        return f"{text} trace {record.get('trace_id')}", "error"
    return text, "info" if is_fine else "warning"


def _short(text: str) -> str:
    # A line from outside must neither break out of its own line nor drive the terminal.
    printable = "".join(c if c.isprintable() else " " for c in text.strip())
    return printable if len(printable) <= LONGEST else f"{printable[: LONGEST - 1]}…"
