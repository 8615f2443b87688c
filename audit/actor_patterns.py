"""Who is asked for by name, `user:ada` or `user:a*`, as the record has them: by commitment."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from audit.models import Event, User
from audit.principal import subject
from portal.lib.errors import FieldError, ValidationFailed

# So many people at most stand behind a pattern.
MANY = 200
_PREFIX = "user:"
# The filters that name people, and as what.
_WHO = ("actor", "about")
_KINDS = ("user", "audit.user")


def actors(pattern: str, on: str = "") -> Q:
    """Events by an actor as people name them: `user:ada`, or `user:a*`. Entries from before names
    were kept out of the record have them in the clear, and are found as well. `on` is the path to the
    event, like `event__`.

    Raises `ValidationFailed` where it fits too many people."""
    is_prefix = pattern.endswith("*")
    text = pattern.removesuffix("*")
    lookup = "actor__startswith" if is_prefix else "actor"
    plain = Q(**{f"{on}{lookup}": text})
    name = text.removeprefix(_PREFIX)
    if name == text or not name:
        return plain
    people = _people(name, is_prefix=is_prefix)
    refs = [_PREFIX + subject(user) for user in people]
    if not refs:
        return plain
    committed = Q(**{f"{on}actor__in": refs})
    if is_prefix or Event.objects.filter(**{lookup: text}).exists():
        return committed | plain
    return committed


def recorded_pattern(pattern: str) -> str | list[str]:
    """What goes on record of such a pattern: the people behind it, not their names."""
    name = pattern.removeprefix(_PREFIX)
    if name in {pattern, "", "*"} or name.startswith("~"):
        return pattern
    people = _people(name.removesuffix("*"), is_prefix=name.endswith("*"))
    return [_PREFIX + subject(user) for user in people]


def recorded_filters(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as they go on record: who is meant, and no name."""
    shown = committed(asked)
    if "actor" in shown:
        shown["actor"] = recorded_pattern(shown["actor"])
    return shown


def committed(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Filters to be kept: in place of the name of one person, the commitment to them."""
    return {name: _committed(of) if name in _WHO else of for name, of in asked.items()}


def _committed(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind not in _KINDS:
        return value
    found = User.objects.filter(username=name).first()
    return _PREFIX + subject(found) if found else value


def _people(name: str, *, is_prefix: bool) -> list[User]:
    wanted = {"username__startswith": name} if is_prefix else {"username": name}
    found = list(User.objects.filter(**wanted).order_by("pk")[: MANY + 1])
    if len(found) > MANY:
        # A part of what was asked for would look like all of it.
        message = f"fits more than {MANY} people; write more of the name"
        raise ValidationFailed([FieldError("actor", message)])
    return found
