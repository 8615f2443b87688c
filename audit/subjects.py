"""The way back from the record: who is behind a commitment, and what was sealed, as long as the
person has not been erased. Entries themselves never change; what is read back is shown beside them.

`audit.recorded` is the way in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import models
from django.db.models import F, Func

from audit.models import Sealed, User
from audit.principal import ERASED
from audit.recorded import SEALED
from audit.subject_key import CannotBeOpened, SubjectKeyUnavailable, unseal

log = structlog.get_logger(__name__)

REF = re.compile(r"~[0-9a-f]{32}")
_PREFIX = "user:"


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry as it reads now. `people` are those in it, by their commitments; `values` what was
    sealed, by its place; `is_erased` where something in it can be read by nobody any more."""

    entry: dict[str, Any]
    people: dict[str, str]
    values: dict[str, Any]
    is_erased: bool


class People:
    """Those behind the commitments in some texts, found in one query."""

    def __init__(self, texts: Iterable[str]) -> None:
        refs = {ref for text in texts for ref in REF.findall(text)}
        self._found = {found.ref: found for found in _by_ref(refs)} if refs else {}

    def __getitem__(self, ref: str) -> User | None:
        found = self._found.get(ref)
        return None if found is None or is_erased(found) else found

    def text(self, text: str) -> str:
        """With names in place of commitments: `user:~3f…` as `user:ada`, or `user:erased-~3f…`."""
        return REF.sub(self._name, text)

    def _name(self, match: re.Match[str]) -> str:
        found = self._found.get(match[0])
        return found.username if found else match[0]

    def named(self, text: str) -> dict[str, str]:
        """The commitments in a text, each with who that is."""
        refs = sorted(set(REF.findall(text)))
        return {f"{_PREFIX}{ref}": self.text(f"{_PREFIX}{ref}") for ref in refs}


def is_erased(user: User) -> bool:
    return user.username.startswith(f"{ERASED}~")


def open_entries(entries: Sequence[Mapping[str, Any]]) -> list[Opened]:
    """In at most two queries, however many there are."""
    texts = [str(entry) for entry in entries]
    asked = [entry["id"] for entry, text in zip(entries, texts, strict=True) if "'sealed'" in text]
    kept: dict[tuple[int, str], Sealed] = {}
    if asked:
        rows = Sealed.objects.filter(event_id__in=asked)
        kept = {(row.event_id, row.field): row for row in rows}
    # Whose values they are need not be named in the entry: a token may act for them.
    people = People([*texts, *(row.subject for row in kept.values())])
    return [
        _Opening(entry, people, kept).opened(text)
        for entry, text in zip(entries, texts, strict=True)
    ]


class _Opening:
    def __init__(
        self, entry: Mapping[str, Any], people: People, kept: Mapping[tuple[int, str], Sealed]
    ) -> None:
        self.entry, self.people, self.kept = entry, people, kept
        self.values: dict[str, Any] = {}
        self.is_erased = False

    def opened(self, text: str) -> Opened:
        entry = self._value(self.entry, "")
        named = self.people.named(text)
        gone = any(who.startswith(f"{_PREFIX}{ERASED}") for who in named.values())
        return Opened(entry, named, self.values, self.is_erased or gone)

    def _value(self, value: Any, place: str) -> Any:
        if isinstance(value, str):
            return self.people.text(value)
        if isinstance(value, list):
            return [self._value(item, f"{place}.{n}") for n, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"sealed"} and place.rpartition(".")[2] in SEALED:
            return self._unsealed(str(value["sealed"]), place)
        return {
            name: self._value(of, f"{place}.{name}" if place else name)
            for name, of in value.items()
        }

    def _unsealed(self, commitment: str, place: str) -> Any:
        row = self.kept.get((self.entry["id"], place))
        person = self.people[row.subject] if row else None
        if row is None or person is None:
            self.is_erased = True
            return "erased"
        try:
            value = unseal(
                bytes(row.ciphertext),
                salt=bytes(person.salt),
                place=f"{self.entry['id']} {place}",
                commitment=commitment,
            )
        except (CannotBeOpened, SubjectKeyUnavailable) as error:
            # Convenience fails open: the record is whole, one value of it cannot be shown here.
            log.warning("sealed_value_not_opened", event_id=self.entry["id"], error=repr(error))
            self.is_erased = True
            return "sealed under another key"
        self.values[place] = value
        return value


def name_people(rows: Sequence[models.Model], *fields: str) -> None:
    """Puts names in place of commitments in these fields of rows that are only shown. One query."""
    people = People(str(getattr(row, name)) for row in rows for name in fields)
    for row in rows:
        for name in fields:
            setattr(row, name, people.text(getattr(row, name)))


def _by_ref(refs: Iterable[str]) -> Any:
    ref = Func(F("salt"), F("username"), function="audit_subject", output_field=models.TextField())
    return User.objects.annotate(ref=ref).filter(ref__in=sorted(refs))
