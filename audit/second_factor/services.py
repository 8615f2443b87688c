"""Setting up, answering with, and taking away a second factor. Each is one governed call.

A wrong code is on record too, and counts: after `FREE_FAILURES` of them in a row the account waits
before the next one is looked at, and nobody else does. Fails closed: what cannot be counted and
recorded is not accepted.
"""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password

from audit.gate.types import Action
from audit.governed import governed
from audit.models import SecondFactor, User
from audit.principal import Principal
from audit.record import current
from audit.second_factor import totp
from audit.second_factor.recovery import code_use, codes_left, codes_renew
from audit.second_factor.sealing import CannotOpen, seal, unseal
from audit.secrecy import Typed
from portal.lib.errors import (
    Conflict,
    FieldError,
    GovernanceDenied,
    RateLimitExceeded,
    ValidationFailed,
)

REFUSED = "second_factor_refused"
FREE_FAILURES = 5
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)

# Who opens a latched gate needs a second factor for it: hence these work while it is latched.
BEGIN = Action(
    "audit:secondfactor:begin",
    event="second_factor_begun",
    is_for_everyone=True,
    works_while_latched=True,
)
CONFIRM = Action(
    "audit:secondfactor:confirm",
    event="second_factor_set_up",
    is_for_everyone=True,
    works_while_latched=True,
)
ANSWER = Action(
    "audit:secondfactor:answer",
    event="second_factor_accepted",
    is_for_everyone=True,
    works_while_latched=True,
)
REMOVE = Action("audit:secondfactor:remove", event="second_factor_removed", is_for_everyone=True)
RENEW_CODES = Action(
    "audit:secondfactor:renew-codes", event="recovery_codes_renewed", is_for_everyone=True
)
RESET = Action(
    "audit:user:reset-second-factor",
    event="second_factor_reset",
    permission="audit.change_user",
)


@governed(BEGIN, on="user")
def second_factor_begin(*, user: User, password: Typed, by: Principal) -> bytes:
    """A new secret, to be confirmed by a code of it. Beginning again draws another one."""
    _own(user, by)
    locked = _locked(user)
    if locked.second_factor_since is not None:
        raise Conflict("You have a second factor. Remove it before you set up another one.")
    _check_password(locked, password)
    SecondFactor.objects.filter(user=locked).delete()
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    SecondFactor.objects.create(
        user=locked, sealed_secret=seal(secret, owner=locked.pk), begun_at=current().at
    )
    current().note(user=locked)
    return secret


@governed(CONFIRM, on="user")
def second_factor_confirm(*, user: User, code: Typed, by: Principal) -> list[str]:
    """Makes it count from now on, and returns the recovery codes, which are shown this once."""
    _own(user, by)
    locked = _locked(user)
    factor = SecondFactor.objects.select_for_update(of=("self",)).filter(user=locked).first()
    if factor is None or locked.second_factor_since is not None:
        raise Conflict("There is no second factor to confirm.")
    step = totp.matching_step(_secret(factor), _digits(code), current().at)
    if step is None:
        message = "This is not the code that the app shows now. Is the clock of the device right?"
        raise ValidationFailed([FieldError("code", message)])
    factor.last_step = step
    factor.save(update_fields=["last_step"])
    locked.second_factor_since = user.second_factor_since = current().at
    locked.save(update_fields=["second_factor_since"])
    codes = codes_renew(locked)
    current().note(user=locked, recovery_codes=len(codes))
    return codes


@governed(ANSWER, on="user")
def second_factor_answer(*, user: User, code: Typed, by: Principal, address: str = "") -> bool:
    """Whether the code is right: one of the app, or a recovery code, each accepted once.

    Raises `RateLimitExceeded` where too many were wrong lately, without looking at this one.
    """
    _own(user, by)
    current().note(address=address)
    return _accepts(user, code)


@governed(REMOVE, on="user")
def second_factor_remove(*, user: User, password: Typed, code: Typed, by: Principal) -> bool:
    """False, and on record as refused, where the code is wrong."""
    _own(user, by)
    _check_password(user, password)
    if not _accepts(user, code):
        return False
    _delete(user)
    return True


@governed(RENEW_CODES, on="user")
def recovery_codes_renew(*, user: User, code: Typed, by: Principal) -> list[str]:
    """The new codes; none, and on record as refused, where the code is wrong."""
    _own(user, by)
    if not _accepts(user, code):
        return []
    codes = codes_renew(user)
    current().note(recovery_codes=len(codes))
    return codes


@governed(RESET, on="user")
def second_factor_reset(*, user: User, by: Principal, reason: str) -> None:
    """For somebody who has lost app and recovery codes. Their password alone signs them in again."""
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say how you know that it is them.")])
    if by.user == user:
        raise Conflict("Your own second factor you remove under “My account”.")
    if not SecondFactor.objects.filter(user=user).exists():
        message = f"{user} has no second factor."
        raise Conflict(message)
    _delete(user)
    current().note(user=user, reason=reason.strip())


def _accepts(user: User, code: Typed) -> bool:
    """Looks at one code under the lock of the account's row, so that attempts count one by one."""
    factor = SecondFactor.objects.select_for_update(of=("self",)).filter(user=user).first()
    if factor is None or _locked(user).second_factor_since is None:
        raise Conflict("There is no second factor on this account.")
    at = current().at
    if waits := _waits(factor, at):
        message = f"Too many wrong codes. The next one is looked at in {waits} seconds."
        raise RateLimitExceeded(message, retry_after=waits)
    kind = _kind(user, factor, code, at)
    current().note(user=user, kind=kind or None)
    if kind:
        SecondFactor.objects.filter(pk=factor.pk).update(failures=0)
    else:
        current().event = REFUSED
        failures = factor.failures + 1
        SecondFactor.objects.filter(pk=factor.pk).update(failures=failures, failed_at=at)
        current().note(failures=failures)
    return bool(kind)


def _kind(user: User, factor: SecondFactor, code: Typed, at: datetime) -> str:
    digits = _digits(code)
    if len(digits) == totp.DIGITS:
        step = totp.matching_step(_secret(factor), digits, at)
        if step is None:
            return ""
        # Whoever saw the code being typed comes too late with it.
        newer = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step)
        return "app" if newer.update(last_step=step) else ""
    if code_use(user, code.text):
        current().note(recovery_codes_left=codes_left(user).count())
        return "recovery code"
    return ""


def _waits(factor: SecondFactor, at: datetime) -> int:
    """Seconds until the next code is looked at: doubled with each wrong one beyond the free ones."""
    beyond = factor.failures - FREE_FAILURES
    if beyond < 0 or factor.failed_at is None:
        return 0
    wait = min(FIRST_WAIT * 2 ** min(beyond, 10), LONGEST_WAIT)
    left = (factor.failed_at + wait - at).total_seconds()
    return int(left) + 1 if left > 0 else 0


def _secret(factor: SecondFactor) -> bytes:
    try:
        return unseal(bytes(factor.sealed_secret), owner=factor.user_id)
    except CannotOpen:
        message = (
            "The second factor was sealed under another SECRET_KEY and cannot be read."
            " A recovery code does not need it; else an administrator resets it."
        )
        raise Conflict(message) from None


def _digits(code: Typed) -> str:
    """As apps show it, `123 456`; empty where it is no such code."""
    text = "".join(code.text.split())
    is_code = text.isascii() and text.isdigit() and len(text) == totp.DIGITS
    return text if is_code else ""


def _delete(user: User) -> None:
    SecondFactor.objects.filter(user=user).delete()
    user.recovery_codes.all().delete()
    locked = _locked(user)
    locked.second_factor_since = user.second_factor_since = None
    locked.save(update_fields=["second_factor_since"])


def _locked(user: User) -> User:
    return User.objects.select_for_update(of=("self",)).get(pk=user.pk)


def _own(user: User, by: Principal) -> None:
    # Of a session: a token must not change what vouches for its person.
    if by.user != user or by.kind != "user":
        raise GovernanceDenied("This is each person's own to do, signed in.")


def _check_password(user: User, password: Typed) -> None:
    if not check_password(password.text, user.password):
        raise ValidationFailed([FieldError("password", "This is not your password.")])
