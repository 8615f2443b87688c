"""What the rules may know of the moment: time, where the request came from, approvals so far."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit.principal import Principal


@dataclass(frozen=True, slots=True)
class Caller:
    """`address` is an IP address; empty where nobody calls, as in a task. `second_factor_at` is when
    the session confirmed one. Who runs a management command `is_at_console`. `lacked` collects what
    denials asked for meanwhile, so that a page can lead to it."""

    address: str = ""
    second_factor_at: datetime | None = None
    is_at_console: bool = False
    lacked: set[str] = field(default_factory=set, compare=False)


_NOBODY = Caller()
_caller: ContextVar[Caller] = ContextVar("caller", default=_NOBODY)


@contextmanager
def called_by(caller: Caller) -> Iterator[None]:
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


@contextmanager
def with_second_factor(at: datetime) -> Iterator[None]:
    """The same caller, who has just confirmed one."""
    with called_by(replace(_caller.get(), second_factor_at=at)):
        yield


@contextmanager
def at_console() -> Iterator[None]:
    with called_by(Caller(is_at_console=True)):
        yield


def lacks(need: str) -> None:
    _caller.get().lacked.add(need)


def has_lacked(need: str) -> bool:
    return need in _caller.get().lacked


def facts(principal: Principal, approvals: int) -> dict[str, Any]:
    """Hours in UTC, `weekday` from 1 for Monday to 7."""
    now, caller = timezone.now(), _caller.get()
    second_factor_at = _second_factor_at(principal, caller)
    known: dict[str, Any] = {
        "approvals": approvals,
        "hour": now.hour,
        "weekday": now.isoweekday(),
        "has_second_factor": second_factor_at is not None,
    }
    if second_factor_at is not None:
        minutes = int((now - second_factor_at).total_seconds()) // 60
        known["second_factor_minutes"] = max(minutes, 0)
    if caller.is_at_console:
        known["is_at_console"] = True
    address = _address(caller.address)
    return known | ({"address": address} if address else {})


def _second_factor_at(principal: Principal, caller: Caller) -> datetime | None:
    """A token has that of its issue, whatever session its request may come along with."""
    if principal.kind == "user":
        return caller.second_factor_at
    return principal.second_factor_at


def _address(text: str) -> str:
    """As Cedar takes it, which knows neither IPv4 within IPv6 nor zones; empty for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
