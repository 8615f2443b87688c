"""What a process's log line comes down to for a person, if anything: a pure function of the line."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

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
VARIES = re.compile(r"\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){2,6}\b|\d+")
CONTEXT = {"event", "level", "logger", "timestamp", "exception", "stack", "trace_id"}


@dataclass(frozen=True, slots=True)
class Summary:
    text: str
    level: str = "error"
    # Lines of one kind say the same of different moments; many in a row are told by number.
    kind: str = ""


def summarize(name: str, line: str) -> Summary | None:
    """The short form of a process's log line, or None for one of no interest."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            return _record(name, record)
    grave = GRAVE.get(name, GRAVE_ELSEWHERE)
    if grave.search(line) and not EVERYDAY.search(line):
        return Summary(_short(line), kind=_kind(line))
    return None


def _record(name: str, record: dict[str, Any]) -> Summary | None:
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
    return Summary(text, "error" if level == "critical" else level, _kind(str(record.get("event"))))


def _request(record: dict[str, Any], path: str, status: int, took: int) -> Summary | None:
    is_broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    is_fine = status < HTTPStatus.BAD_REQUEST and took < SLOW_MS
    is_routine = path.startswith(QUIET_PATHS) or (
        record.get("method") in {"GET", "HEAD"} and bool(record.get("poll"))
    )
    if is_fine and is_routine:
        return None
    kind = _short(f"{record.get('method')} {path} {status}")
    text = f"{kind} in {took} ms"
    if is_broken:
        return Summary(f"{text} trace {record.get('trace_id')}", "error", kind)
    return Summary(text, "info" if is_fine else "warning", kind)


def _kind(text: str) -> str:
    """The same for lines that differ only in numbers and ids."""
    return _short(VARIES.sub("…", text))


def _short(text: str) -> str:
    # A line from outside must neither break out of its own line nor drive the terminal.
    printable = "".join(c if c.isprintable() else " " for c in text.strip())
    return printable if len(printable) <= LONGEST else f"{printable[: LONGEST - 1]}…"
