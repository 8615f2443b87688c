"""Who a request says it is from, before anything is asked about it.

A session or token that a request was answered for is known, by a digest, for some minutes; what is
known counts for its person or token, what is not for itself and for the address that it comes from,
so that made-up ones buy nothing.
"""

import hashlib
import time
from collections import OrderedDict
from threading import Lock

from django.conf import settings
from django.http import HttpRequest

from audit.models import User
from audit.principal import Principal
from audit.sessions import address_of
from portal.lib.resilience.shared import shared

KEEP = 15 * 60
MOST = 10_000


class Known:
    """In this process, and in the cache for the others."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = Lock()

    def name(self, credential: str) -> str:
        """Empty for one that was not seen, or not for long."""
        found, until = self._names.get(credential, ("", 0.0))
        if until > time.monotonic():
            return found
        if name := shared.get(f"caller:{credential}"):
            self._keep(credential, str(name))
            return str(name)
        return ""

    def learn(self, credential: str, name: str) -> None:
        found, until = self._names.get(credential, ("", 0.0))
        # Once in a while is enough for the cache.
        if found != name or until < time.monotonic() + KEEP / 2:
            self._keep(credential, name)
            shared.set(f"caller:{credential}", name, keep=KEEP)

    def _keep(self, credential: str, name: str) -> None:
        with self._lock:
            self._names[credential] = name, time.monotonic() + KEEP
            self._names.move_to_end(credential)
            while len(self._names) > MOST:
                self._names.popitem(last=False)


known = Known()


def credential(request: HttpRequest) -> str:
    """A digest of what the request brings along; empty for nothing."""
    brought = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME, ""
    )
    return hashlib.sha256(brought.encode()).hexdigest()[:32] if brought else ""


def address(request: HttpRequest) -> str:
    return f"address:{address_of(request)}"


def proven(request: HttpRequest) -> str:
    """Whom the request was answered for, where something asked; nothing is asked for it here."""
    by = getattr(request, "auth", None)
    if isinstance(by, Principal):
        return f"user:{by.user.pk}" if by.user else f"token:{by.name}"
    user = getattr(request, "_cached_user", None)
    return f"user:{user.pk}" if isinstance(user, User) else ""
