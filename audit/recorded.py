"""The way onto the record: names become commitments, and personal values are sealed.

`audit.subjects` is the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.contrib.auth.base_user import AbstractBaseUser

from audit.principal import PersonName, subject
from audit.subject_key import SubjectKeyUnavailable, seal
from portal.lib.errors import AuditUnavailable

if TYPE_CHECKING:
    from audit.models import User

log = structlog.get_logger(__name__)

# Fields of an entry, by name, whose values are sealed wherever they stand in it.
SEALED = frozenset({"address", "email"})


@dataclass(slots=True)
class Recording:
    """Turns what a call says into what goes on record about it. `person` is whose the personal
    values are; where a call is nobody's (a detector, an unknown visitor), they stay as they are."""

    event_id: int
    person: "User | None"
    sealed: list[tuple[str, bytes]] = field(default_factory=list)

    def value(self, value: Any, place: str = "") -> Any:
        """Raises `AuditUnavailable` where something personal cannot be sealed."""
        if isinstance(value, PersonName):
            return value.recorded
        if isinstance(value, AbstractBaseUser):
            return f"user:{subject(cast('User', value))}"
        if isinstance(value, Mapping):
            return {key: self._field(str(key), of, place) for key, of in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, f"{place}.{n}") for n, item in enumerate(value)]
        return value

    def _field(self, name: str, value: Any, place: str) -> Any:
        place = f"{place}.{name}" if place else name
        if name not in SEALED or not value or self.person is None:
            return self.value(value, place)
        try:
            commitment, ciphertext = seal(
                value, salt=bytes(self.person.salt), place=f"{self.event_id} {place}"
            )
        except SubjectKeyUnavailable as error:
            log.critical("subject_key_unavailable", error=str(error))
            raise AuditUnavailable from error
        self.sealed.append((place, ciphertext))
        return {"sealed": commitment}
