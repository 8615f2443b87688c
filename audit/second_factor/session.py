"""What a session knows of second factors: that its person confirmed one, and, between the two pages
of signing in, whose password was right.

What is kept names the set-up that it belongs to, so that removing or resetting a second factor takes
it from every session at once.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import login, logout
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from audit.gate.moment import with_second_factor
from audit.models import User

CONFIRMED, WAITING = "second_factor", "password_was_right"
PATIENCE = timedelta(minutes=10)
BACKEND = "audit.role_backend.RoleBackend"


def confirmed_at(request: HttpRequest) -> datetime | None:
    """When this session confirmed the second factor that the person has now."""
    # The session is read only where a cookie came along: health checks need no database.
    if not request.COOKIES.get("sessionid") or not isinstance(request.user, User):
        return None
    mark: dict[str, str] = request.session.get(CONFIRMED) or {}
    since = request.user.second_factor_since
    if since is None or mark.get("since") != since.isoformat():
        return None
    return parse_datetime(mark["at"])


def confirm(request: HttpRequest, user: User) -> None:
    """Called once a code was accepted. The session gets a new key, as with any gain of rights."""
    if user.second_factor_since is None:
        msg = f"{user} has no second factor"
        raise ValueError(msg)
    request.session.cycle_key()
    request.session[CONFIRMED] = {
        "since": user.second_factor_since.isoformat(),
        "at": timezone.now().isoformat(),
    }


def wait_for_code(request: HttpRequest, user: User, *, then: str) -> None:
    """The password was right; nobody is signed in yet."""
    logout(request)
    request.session[WAITING] = {
        "user": user.pk,
        # Ends with a change of the password, as a session does.
        "hash": user.get_session_auth_hash(),
        "until": (timezone.now() + PATIENCE).isoformat(),
        "then": then,
    }


def waiting(request: HttpRequest) -> tuple[User, str] | None:
    """Whose code is waited for, and where they wanted to go."""
    kept: dict[str, Any] | None = request.session.get(WAITING)
    if kept is None or (parse_datetime(kept["until"]) or timezone.now()) <= timezone.now():
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != kept["hash"]:
        return None
    return user, kept["then"]


def sign_in(request: HttpRequest, user: User) -> None:
    """Both factors were right."""
    request.session.pop(WAITING, None)
    with with_second_factor(timezone.now()):
        login(request, user, backend=BACKEND)
    confirm(request, user)


def way_to_confirm(request: HttpRequest) -> str:
    """The page where a second factor is set up or confirmed, which leads back to here."""
    # A dialog's own address is no page to come back to.
    shown = request.headers.get("HX-Current-URL", "")
    here = urlsplit(shown).path if shown else request.path
    return f"{reverse('audit:second-factor')}?{urlencode({'next': here})}"


def way_back(request: HttpRequest) -> str:
    """Where `next` leads to, if that is on this site; empty otherwise."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else ""
