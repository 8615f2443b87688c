"""Who guards the guard: the web processes look whether the watchdog beside them still looks."""

import time

import structlog
from django.conf import settings

from portal import emergency
from portal.system.runbook import RUNBOOK
from portal.watchdog import read_report

# A watchdog that is started again beats within seconds; one that hangs is started again by nobody.
SILENT_AFTER = 60.0
NAME = "watchdog"

log = structlog.get_logger(__name__)


def look(begun_at: float) -> None:
    """Pages on-call where the watchdog has been silent for too long, since `begun_at` at least, and
    tells them when it looks again."""
    report = read_report(settings.VAR.watchdog)
    beat_at = report.beat_at.timestamp() if report else 0.0
    silent = time.time() - max(begun_at, beat_at)
    try:
        if silent <= SILENT_AFTER:
            if time.time() - beat_at <= SILENT_AFTER:
                emergency.resolve(NAME, is_here=True)
            return
        text = f"the watchdog has been silent for {silent:.0f} s: nobody tests the gate"
        emergency.page(NAME, text, is_here=True, do=RUNBOOK[NAME].text)
    except OSError as error:
        log.critical("nobody_paged", summary="the watchdog is silent", reason=str(error))
