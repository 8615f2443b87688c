"""Pages on-call with nothing but the network: no database, no broker, no gate (PagerDuty Events v2).

Without a key nobody can be paged, which is said in the logs. Each emergency is paged once: what was
accepted leaves a mark, what was not is tried again by the caller's next beat.
"""

import json
from http import HTTPStatus
from pathlib import Path

import structlog
from django.conf import settings

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Refused, call, http

log = structlog.get_logger(__name__)


def page(key: str, summary: str) -> bool:
    """Whether on-call knows: now, or from an earlier call with the same `key`.

    Raises `OSError` where PagerDuty cannot be reached or refuses.
    """
    mark = _mark(key)
    if mark.exists():
        return True
    if not settings.EMERGENCY_PAGERDUTY_KEY:
        log.critical(
            "nobody_paged", summary=summary, reason="VIGIL_EMERGENCY_PAGERDUTY_KEY is not set"
        )
        return False
    _send(
        {
            "routing_key": settings.EMERGENCY_PAGERDUTY_KEY,
            "event_action": "trigger",
            "dedup_key": key[:255],
            "payload": {
                "summary": summary[:1024],
                "source": settings.ORIGIN,
                "severity": "critical",
                "component": "governance",
            },
        }
    )
    mark.touch()
    log.warning("on_call_paged", summary=summary)
    return True


def _send(event: dict[str, object]) -> None:
    url, body = settings.EMERGENCY_PAGERDUTY_URL, json.dumps(event).encode()
    headers = {"Content-Type": "application/json"}

    def attempt(timeout: float) -> None:
        reply = http.request("POST", url, timeout=timeout, body=body, headers=headers)
        reply.expect(HTTPStatus.ACCEPTED)

    try:
        call("emergency-pagerduty", attempt)
    except (ApiTimeout, CircuitOpen, Refused) as failure:
        msg = f"PagerDuty does not take it: {failure.__cause__ or failure}"
        raise OSError(msg) from failure


def _mark(key: str) -> Path:
    return settings.VAR.var / f"paged-{key}"
