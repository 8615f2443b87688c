"""Governed changes of accounts: people, roles, tokens."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from audit.administrators import keep_an_administrator
from audit.gate.types import Action
from audit.governed import governed
from audit.models import ApiToken, User
from audit.models.token import new_secret, secret_digest
from audit.principal import Principal
from audit.record import current
from audit.rows import register_rows
from portal.lib.errors import Conflict, FieldError, GovernanceDenied, ValidationFailed

# What takes the last administrator away does not happen, however it is asked for.
register_rows(User, check=keep_an_administrator)
register_rows(Group, check=keep_an_administrator)
register_rows(ApiToken)

SET_PASSWORD = Action(
    "audit:user:set-password",
    event="password_set",
    permission="audit.change_user",
    is_for_system=True,
)
ISSUE = Action(
    "audit:apitoken:issue",
    event="token_issued",
    permission="audit.add_apitoken",
    is_for_system=True,
)
REVOKE = Action("audit:apitoken:revoke", event="token_revoked", permission="audit.delete_apitoken")
PROFILE = Action("audit:user:set-profile", event="profile_changed", is_for_everyone=True)
OWN_PASSWORD = Action(
    "audit:user:change-own-password", event="password_changed", is_for_everyone=True
)
DEFINE_ROLE = Action("auth:group:define", event="role_defined", is_for_system=True)
CREATE_USER = Action("audit:user:create", event="user_created", is_for_system=True)


@governed(DEFINE_ROLE, on="group")
def role_define(*, group: Group, permissions: Iterable[str], by: Principal) -> Group:
    """Creates the group with these permissions, each `app.codename`."""
    wanted = sorted(permissions)
    group.save()
    found = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type").filter(
            codename__in=[name.partition(".")[2] for name in wanted]
        )
    }
    group.permissions.set([found[name] for name in wanted])
    current().target = f"{group._meta.label_lower}:{group.pk}"
    current().note(role=group.name, permissions=wanted)
    return group


@governed(CREATE_USER, on="user", is_secret=True)
def user_create(*, user: User, password: str, roles: Iterable[str], by: Principal) -> User:
    user.set_password(password)
    user.save()
    user.groups.set(Group.objects.filter(name__in=list(roles)))
    current().target = f"{user._meta.label_lower}:{user.pk}"
    current().note(user=user, roles=sorted(roles))
    return user


@governed(PROFILE, on="user")
def profile_change(*, user: User, time_zone: str, by: Principal) -> None:
    _own(user, by)
    before, user.time_zone = user.time_zone, time_zone
    user.save(update_fields=["time_zone"])
    current().note(user=user, from_time_zone=before, to_time_zone=time_zone)


@governed(OWN_PASSWORD, on="user", is_secret=True)
def password_change(*, user: User, password: str, by: Principal) -> None:
    """The caller has asked for the old password."""
    _own(user, by)
    _set_password(user, password)


@governed(SET_PASSWORD, on="user", is_secret=True)
def password_set(*, user: User, password: str, by: Principal) -> None:
    _set_password(user, password)


def _own(user: User, by: Principal) -> None:
    if by.user != user:
        raise GovernanceDenied("This is each person's own to change.")


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationFailed([FieldError("password", text) for text in error.messages]) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    current().note(user=user)


@governed(ISSUE, on="token", is_secret=True)
def token_issue(*, token: ApiToken, by: Principal) -> str:
    """Saves the unsaved token and returns its secret, which is shown this once and kept nowhere."""
    if ApiToken.objects.filter(name=token.name).exists():
        raise ValidationFailed(
            [FieldError("name", f"There is a token called {token.name} already.")]
        )
    secret = new_secret()
    token.digest = secret_digest(secret)
    token.second_factor_at = current().at if _is_vouched_for(by) else None
    token.save()
    current().target = f"{token._meta.label_lower}:{token.pk}"
    current().note(
        token=token.name,
        scopes=list(token.scopes),
        source=token.source,
        user=token.user,
        expires_at=_iso(token.expires_at),
        second_factor=token.second_factor_at is not None,
    )
    return secret


@governed(REVOKE, on="token")
def token_revoke(*, token: ApiToken, by: Principal, reason: str = "") -> None:
    """At once and for good."""
    changed = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=current().at)
    if not changed:
        raise Conflict("This token is revoked already.")
    current().note(token=token.name, reason=reason)


def _is_vouched_for(by: Principal) -> bool:
    """Issued with a second factor, or by who runs commands on this machine, where every key lies."""
    asked = current().decision.asked["context"]
    return by.kind == "system" or bool(asked["has_second_factor"])


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
