"""Erases a person: salt, and with it key and commitment's secret, sealed values, name and address.

What is on record stays, and so do its root and all proofs; it names nobody any more. Nobody does
this alone, which is an axiom; the four eyes come by the approvals.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from guardian.models import UserObjectPermission

from audit.administrators import keep_an_administrator
from audit.gate.types import Action
from audit.governed import governed
from audit.models import ApprovalRequest, Erasure, Event, SecondFactor, User
from audit.models.user import new_salt
from audit.principal import ERASED, Principal, subject
from audit.record import current
from audit.subjects import is_erased
from portal.lib.errors import Conflict, FieldError, ValidationFailed

ERASE = Action("audit:user:erase", event="person_erased", permission="audit.delete_user")
MAX_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Keeper:
    """A part of the product that keeps something about people: what stands against erasing one, what
    it forgets of them, and how many of its rows from earlier releases have their name in the clear."""

    obstacles: Callable[[User], list[str]]
    forget: Callable[[User], object]
    remains: Callable[[User], dict[str, int]]


KEEPERS: list[Keeper] = []


def obstacles(user: User, *, by: Principal) -> list[str]:
    """Why this person cannot be erased now, in words; empty where nothing stands against it."""
    found = []
    if is_erased(user):
        found.append("This person was erased before.")
    if by.user == user:
        found.append("Nobody erases themselves: another administrator has to.")
    if ApprovalRequest.objects.filter(requester=user, state=ApprovalRequest.State.PENDING).exists():
        found.append("They have asked for an approval that is still open.")
    return [*found, *(text for keeper in KEEPERS for text in keeper.obstacles(user))]


@governed(ERASE, on="user")
def person_erase(*, user: User, by: Principal, reason: str) -> Erasure:
    """Raises `Conflict` where something stands against it, see `obstacles`."""
    if not reason.strip() or len(reason) > MAX_REASON:
        message = f"Say why, in at most {MAX_REASON} characters."
        raise ValidationFailed([FieldError("reason", message)])
    locked = User.objects.select_for_update().get(pk=user.pk)
    if found := obstacles(locked, by=by):
        raise Conflict(" ".join(found))
    record, ref = current(), subject(locked)
    remains = _remains(locked)
    erasure = Erasure.objects.create(
        subject=ref, user=locked, event_id=record.id, erased_at=record.at
    )
    for keeper in KEEPERS:
        keeper.forget(locked)
    destroyed = {"sealed_values": _shred(ref), **_close(locked)}
    _anonymise(locked, ref)
    keep_an_administrator()
    record.note(subject=f"user:{ref}", reason=reason.strip(), destroyed=destroyed, remains=remains)
    return erasure


def _remains(user: User) -> dict[str, int]:
    """What earlier releases wrote with the name in the clear, and nobody can change any more."""
    counts = {"events_in_the_clear": Event.objects.filter(actor=f"user:{user.username}").count()}
    for keeper in KEEPERS:
        counts |= keeper.remains(user)
    return counts


def _shred(ref: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_shred(%s)", [ref])
        return int(cursor.fetchone()[0])


def _close(user: User) -> dict[str, int]:
    """Ends all that the account could still do."""
    tokens = user.api_tokens.filter(revoked_at=None).update(revoked_at=current().at)
    SecondFactor.objects.filter(user=user).delete()
    user.recovery_codes.all().delete()
    permissions, _ = UserObjectPermission.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
    return {"tokens_revoked": tokens, "object_permissions": permissions}


def _anonymise(user: User, ref: str) -> None:
    """The account stays as a row without a name: others refer to it, and so does the record."""
    user.username = f"{ERASED}{ref}"
    user.first_name = user.last_name = user.email = ""
    user.time_zone = "UTC"
    user.salt = new_salt()
    user.last_login = user.second_factor_since = None
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()
