"""Pages on-call with nothing but the network: no database, no broker, no gate (PagerDuty Events v2).

Without a key nobody can be paged, which is said in the logs. What was accepted leaves a mark in `var`,
and is told again every few minutes while it lasts: PagerDuty takes that for the same incident, and
opens it anew where another machine, or a person, has closed it too early. What was not accepted is
tried again by the caller's next beat.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from portal.lib import pagerduty
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Refused, call

TOLD_AGAIN = 300.0

log = structlog.get_logger(__name__)


def page(
    name: str, summary: str, *, is_here: bool, severity: str = "critical", do: str = ""
) -> bool:
    """Whether on-call knows: now, or from an earlier call with the same `name`.

    What `is_here` concerns this machine, and is another incident on another one. `do` is what the
    runbook says. Raises `OSError` where PagerDuty cannot be reached or refuses.
    """
    mark = _mark(name)
    if _age(mark) < TOLD_AGAIN:
        return True
    if not settings.EMERGENCY_PAGERDUTY_KEY:
        log.critical(
            "nobody_paged", summary=summary, reason="VIGIL_EMERGENCY_PAGERDUTY_KEY is not set"
        )
        return False
    is_first = not mark.exists()
    site = urlsplit(settings.ORIGIN).netloc
    event = pagerduty.trigger(
        _key(name, is_here=is_here),
        f"{site}: {summary}",
        source=os.uname().nodename,
        severity=severity,
        link=f"{settings.ORIGIN}/health/system",
        component=name,
        details={"what to do": do} if do else {},
    )
    _send(event)
    _remember(mark)
    if is_first:
        log.warning("on_call_paged", about=name, summary=summary)
    return True


def resolve(name: str, *, is_here: bool) -> None:
    """Tells on-call that it is over, where they were told that it began. Raises like `page`."""
    mark = _mark(name)
    if not mark.exists():
        return
    if settings.EMERGENCY_PAGERDUTY_KEY:
        _send(pagerduty.follow_up("resolve", _key(name, is_here=is_here)))
        log.info("on_call_told_it_is_over", about=name)
    mark.unlink(missing_ok=True)


def paged() -> set[str]:
    """What on-call was told of and is not over, from this machine."""
    return {path.name.removeprefix("paged-") for path in settings.VAR.var.glob("paged-*")}


def _send(event: Mapping[str, object]) -> None:
    def attempt(timeout: float) -> None:
        url, key = settings.EMERGENCY_PAGERDUTY_URL, settings.EMERGENCY_PAGERDUTY_KEY
        pagerduty.accepted(pagerduty.enqueue(url, key, event, timeout=timeout))

    try:
        call("emergency-pagerduty", attempt)
    except (ApiTimeout, CircuitOpen, Refused) as failure:
        msg = f"PagerDuty does not take it: {failure.__cause__ or failure}"
        raise OSError(msg) from failure


def _key(name: str, *, is_here: bool) -> str:
    where = f"/{os.uname().nodename}" if is_here else ""
    return f"vigil:{urlsplit(settings.ORIGIN).netloc}{where}:{name}"


def _mark(name: str) -> Path:
    return settings.VAR.var / f"paged-{name}"


def _age(mark: Path) -> float:
    """Since on-call was told last; a clock that was put back counts as long ago."""
    try:
        age = time.time() - mark.stat().st_mtime
    except OSError:
        return float("inf")
    return age if age >= 0 else float("inf")


def _remember(mark: Path) -> None:
    try:
        mark.touch()
    except OSError as error:
        # They know, and are told again at each beat: PagerDuty takes it for the same incident.
        log.warning("page_not_remembered", about=mark.name, reason=str(error))
