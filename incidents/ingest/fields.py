"""Reads one JSON object field by field, and notes what is wrong under its path.

`null` and blank text count as absent, since templates of detectors write them for what they lack.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from incidents.ingest.instants import parse_instant
from portal.lib.errors import FieldError, ValidationFailed
from portal.lib.json_input import JSON, shown

MAX_ERRORS = 50
MAX_LINK = 2048

Choice = TypeVar("Choice", bound=str)


class Problems:
    """All that is wrong with one body, so that a sender can put it right in one go; at most 50."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def __bool__(self) -> bool:
        return bool(self.found)

    def note(self, path: str, message: str) -> None:
        self.found.append(FieldError(path, message))
        if len(self.found) >= MAX_ERRORS:
            self.refuse_if_any()

    def refuse_if_any(self) -> None:
        if self.found:
            raise ValidationFailed(self.found)


class Fields:
    """One object of a body; `path` is where it stands, empty for the body itself."""

    def __init__(self, values: Mapping[str, JSON], problems: Problems, path: str = "") -> None:
        self.values = values
        self.problems = problems
        self.path = path

    def note(self, name: str, message: str) -> None:
        self.problems.note(f"{self.path}.{name}" if self.path else name, message)

    def text(self, name: str, longest: int | None = None, *, required: bool = False) -> str | None:
        """The text without the white space around it; any length where `longest` is not given."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            self.note(name, f"must be a string, not {kind(value)}")
            return None
        text = (value or "").strip()
        if required and not text:
            self.note(name, "is required")
        elif longest is not None and len(text) > longest:
            self.note(name, f"must have at most {longest} characters, not {len(text)}")
        return text or None

    def choice(
        self, name: str, choices: tuple[Choice, ...], *, required: bool = False
    ) -> Choice | None:
        """The one of `choices` that was sent, in whatever case."""
        text = self.text(name, required=required)
        if text is None:
            return None
        for choice in choices:
            if choice.lower() == text.lower():
                return choice
        self.note(name, f'must be one of {", ".join(choices)}, not "{shown(text)}"')
        return None

    def instant(self, name: str) -> datetime | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse_instant(text)
        except ValueError as error:
            self.note(name, str(error))
            return None

    def texts(self, name: str) -> dict[str, str]:
        """An object whose values are all strings, like labels."""
        value = self.values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.note(name, f"must be an object, not {kind(value)}")
            return {}
        texts = {key: text for key, text in value.items() if isinstance(text, str)}
        if len(texts) < len(value):
            for key, text in value.items():
                if not isinstance(text, str):
                    self.note(f"{name}.{shown(key)}", f"must be a string, not {kind(text)}")
        return texts

    def items(self, name: str) -> list[JSON]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(name, f"must be a list, not {kind(value)}")
            return []
        return value


def kind(value: JSON) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"


def is_link(text: str) -> bool:
    """Whether a page may offer `text` as a link: an absolute http or https URL and nothing else."""
    if len(text) > MAX_LINK or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False
    return has_host and parts.scheme in {"http", "https"}
