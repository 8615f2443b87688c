"""Recovery codes: ten, each good once. Called within governed calls."""

import secrets

from django.db.models import QuerySet

from audit.models import RecoveryCode, User
from audit.record import current
from audit.second_factor.sealing import code_digests

COUNT, GROUPS, GROUP = 10, 4, 4
# Without what looks alike, l and o, 0 and 1: 16 out of 32 are 80 bits.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def codes_renew(user: User) -> list[str]:
    """Ten new ones in place of all there were. Only their digests are kept."""
    user.recovery_codes.all().delete()
    codes = ["-".join(_group() for _ in range(GROUPS)) for _ in range(COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=code_digests(normal(code), owner=user.pk)[0])
        for code in codes
    )
    return codes


def code_use(user: User, typed: str) -> bool:
    """Uses it up, if there is such a code. A race for one code is decided by the database."""
    unused = user.recovery_codes.filter(
        digest__in=code_digests(normal(typed), owner=user.pk), used_at=None
    )
    return unused.update(used_at=current().at) == 1


def codes_left(user: User) -> QuerySet[RecoveryCode]:
    return user.recovery_codes.filter(used_at=None)


def normal(typed: str) -> str:
    return "".join(typed.lower().replace("-", "").split())


def _group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP))
