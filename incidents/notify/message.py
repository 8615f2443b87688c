"""What is said, however it is sent. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

HIDDEN = "Restricted incident"


@dataclass(frozen=True, slots=True)
class Message:
    """`reason` is one of `models.Reason`, `label` that in words; `at` an instant in ISO 8601. A message
    without a `number` is a test."""

    reason: str
    label: str
    title: str
    link: str
    at: str
    number: str = ""
    severity: str = ""
    state: str = ""
    service: str = ""
    text: str = ""
    is_restricted: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def redacted(self) -> Self:
        """Of a restricted incident nothing is said but number and severity."""
        return replace(self, title=HIDDEN, text="", service="", state="", is_restricted=True)

    @property
    def headline(self) -> str:
        """One line: `[P1] INC-1042 Checkout fails`, with what happened where it is a later word."""
        if not self.number:
            return one_line(self.title)
        later = "" if self.reason == "notified" else f"{self.label}: "
        return one_line(f"[{self.severity}] {self.number} {later}{self.title}")

    @property
    def facts(self) -> list[tuple[str, str]]:
        found = (
            ("Severity", self.severity),
            ("State", self.state),
            ("Service", self.service),
        )
        return [(name, value) for name, value in found if value]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message and all that its client needs. `secrets` are the values in force by name, the newest
    first. `thread` is what the receiver called the first message about this incident, `since` when that
    is asked for again after an attempt of which nothing is known."""

    id: str
    message: Message
    dedup_key: str
    url: str = ""
    destination: str = ""
    account: str = ""
    thread: str = ""
    code: str = ""
    secrets: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def secret(self, name: str) -> str:
        return self.secrets[name][0]

    @property
    def text(self) -> str:
        """With the code of a test, which is kept out of everything that is shown."""
        return f"{self.message.text}\n\nYour code: {self.code}" if self.code else self.message.text


def one_line(text: str) -> str:
    """Without anything that could end a header or a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
