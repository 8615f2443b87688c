"""What each process of this machine says of its memory, in a file of its own below `var`.

Written by web processes and by Celery's; read by `/metrics` and the system-health page of whichever
web process is asked. A process that has ended says nothing any more.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """`resident` in bytes, `per_hour` in bytes; `begun` tells a number given again to another one."""

    process: str
    pid: int
    begun: float
    resident: float
    per_hour: float
    is_leak: bool


def directory() -> Path:
    return settings.VAR.var / "memory"


def write(report: Report) -> None:
    """Fails open: nobody is refused because this cannot be written."""
    path = directory() / f"{report.pid}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(report)))
        draft.replace(path)
    except OSError as error:
        log.warning("memory_not_reported", error=str(error))


def read() -> list[Report]:
    """Of those that run. What ended ones left behind is cleared away."""
    return sorted(_living(), key=lambda each: (each.process, each.pid))


def _living() -> Iterator[Report]:
    for path in directory().glob("*.json"):
        try:
            report = Report(**json.loads(path.read_text()))
        except (OSError, TypeError, ValueError) as error:
            log.warning("memory_report_unreadable", file=path.name, error=str(error))
            continue
        if _runs(report):
            yield report
        else:
            path.unlink(missing_ok=True)


def _runs(report: Report) -> bool:
    try:
        # Rounded by what wrote it.
        return abs(psutil.Process(report.pid).create_time() - report.begun) < 1
    except psutil.NoSuchProcess:
        return False
