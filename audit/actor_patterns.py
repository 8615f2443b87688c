"""Who is asked for by name, `user:ada` or `user:a*`, as the record has them: by commitment."""

from django.db.models import Q

from audit.models import Event, User
from audit.principal import subject
from portal.lib.errors import FieldError, ValidationFailed

# So many people at most stand behind a pattern.
MANY = 200
_PREFIX = "user:"


def actors(pattern: str) -> Q:
    """Events by an actor as people name them: `user:ada`, or `user:a*`. Entries from before names
    were kept out of the record have them in the clear, and are found as well.

    Raises `ValidationFailed` where it fits too many people."""
    is_prefix = pattern.endswith("*")
    text = pattern.removesuffix("*")
    plain = Q(actor__startswith=text) if is_prefix else Q(actor=text)
    name = text.removeprefix(_PREFIX)
    if name == text or not name:
        return plain
    people = _people(name, is_prefix=is_prefix)
    refs = [_PREFIX + subject(user) for user in people]
    if not refs:
        return plain
    if is_prefix or Event.objects.filter(plain).exists():
        return Q(actor__in=refs) | plain
    return Q(actor__in=refs)


def recorded_pattern(pattern: str) -> str | list[str]:
    """What goes on record of such a pattern: the people behind it, not their names."""
    name = pattern.removeprefix(_PREFIX)
    if name in {pattern, "", "*"} or name.startswith("~"):
        return pattern
    people = _people(name.removesuffix("*"), is_prefix=name.endswith("*"))
    return [_PREFIX + subject(user) for user in people]


def _people(name: str, *, is_prefix: bool) -> list[User]:
    wanted = {"username__startswith": name} if is_prefix else {"username": name}
    found = list(User.objects.filter(**wanted).order_by("pk")[: MANY + 1])
    if len(found) > MANY:
        # A part of what was asked for would look like all of it.
        message = f"fits more than {MANY} people; write more of the name"
        raise ValidationFailed([FieldError("actor", message)])
    return found
