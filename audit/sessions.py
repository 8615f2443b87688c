"""Sign-ins on record. Fails closed: a sign-in that cannot be recorded does not happen."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.models import User
from audit.principal import Principal, person, system
from audit.record import current

# Who opens a latched gate has to sign in first.
SIGN_IN = Action(
    "audit:session:open", event="sign_in", is_for_everyone=True, works_while_latched=True
)
SIGN_OUT = Action(
    "audit:session:end", event="sign_out", is_for_everyone=True, works_while_latched=True
)
SIGN_IN_REFUSED = Action(
    "audit:session:refuse", event="sign_in_failed", is_for_system=True, works_while_latched=True
)


@governed(SIGN_IN, on="user")
def session_opened(*, user: User, by: Principal, address: str) -> None:
    has_second_factor = current().decision.asked["context"]["has_second_factor"]
    current().note(address=address, second_factor=has_second_factor)


@governed(SIGN_OUT, on="user")
def session_ended(*, user: User, by: Principal) -> None:
    current().note(user=user)


@governed(SIGN_IN_REFUSED, on="account")
def sign_in_refused(*, account: Resource, by: Principal, address: str) -> None:
    current().note(address=address)


@receiver(user_logged_in)
def record_sign_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    try:
        session_opened(user=user, by=person(user), address=address_of(request))
    except Exception:
        # Fails closed: whatever kept it off the record, nobody is signed in by it.
        request.session.flush()
        raise


@receiver(user_logged_out)
def record_sign_out(user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        session_ended(user=user, by=person(user))


@receiver(user_login_failed)
def record_refusal(
    credentials: dict[str, Any],
    request: HttpRequest | None = None,
    **_kwargs: Any,
) -> None:
    """Names the account only where there is one: people type passwords into the wrong field."""
    username = str(credentials.get("username", ""))[:150]
    user = None if "\0" in username else User.objects.filter(username=username).first()
    sign_in_refused(
        account=Resource("audit.user", str(user.pk) if user else "unknown", instance=user),
        by=system("web"),
        address=address_of(request) if request else "",
    )


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
