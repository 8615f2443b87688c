"""What the rules may know of the moment: time, where the request came from, approvals so far."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Caller:
    """`address` is an IP address; empty where nobody calls, as in a task."""

    address: str = ""
    has_second_factor: bool = False


_NOBODY = Caller()
_caller: ContextVar[Caller] = ContextVar("caller", default=_NOBODY)


@contextmanager
def called_by(caller: Caller) -> Iterator[None]:
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def facts(approvals: int) -> dict[str, Any]:
    """Hours in UTC, `weekday` from 1 for Monday to 7."""
    now, caller = timezone.now(), _caller.get()
    known = {
        "approvals": approvals,
        "hour": now.hour,
        "weekday": now.isoweekday(),
        "has_second_factor": caller.has_second_factor,
    }
    return known | ({"address": caller.address} if _is_address(caller.address) else {})


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
