"""The `/` commands of the timeline's quick entry, as data: the parser, the help in the page, its list
of completions and docs/timeline.md all read this table.

A line that begins with a slash is a command; `//` begins a note with a slash.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from incidents.models import ActionItem, IncidentRole
from incidents.severity import Severity
from portal.lib.errors import FieldError, ValidationFailed


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    does: str
    arguments: str
    example: str

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()


COMMANDS = (
    Command(
        "at",
        "A note of something that happened earlier, by your own clock.",
        "[DATE|yesterday] TIME TEXT",
        "/at 02:14 Replica lag above 30 s",
    ),
    Command("pin", "A note that stays on top of the timeline.", "TEXT", "/pin Bridge: room 4"),
    Command(
        "status",
        "Publishes an update on the status page, for everybody to read.",
        "TEXT",
        "/status Payments are slow. We are working on it.",
    ),
    Command(
        "severity",
        "Changes the severity.",
        f"{'|'.join(Severity.values)} REASON",
        "/severity P1 All regions are hit",
    ),
    Command("ack", "Acknowledges the incident.", "[TEXT]", "/ack On it"),
    Command(
        "role",
        "Gives somebody a role.",
        f"{'|'.join(IncidentRole.Role.values)} @NAME",
        "/role scribe @ada",
    ),
    Command(
        "action",
        "Adds an action item to the postmortem.",
        f"TEXT @OWNER due DATE [{'|'.join(ActionItem.Kind.values)}]",
        "/action Alert on replica lag @ada due 2040-12-01 detect",
    ),
)
BY_NAME = {command.name: command for command in COMMANDS}
_NAME = re.compile(r"/([A-Za-z][\w-]{0,30})(?=\s|$)")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Given:
    """What was typed: `command` is None for a note."""

    command: Command | None
    text: str


def parse(typed: str) -> Given:
    """Raises `ValidationFailed` where there is no such command."""
    text = typed.strip()
    if text.startswith("//"):
        return Given(None, text[1:])
    if not text.startswith("/"):
        return Given(None, typed)
    named = _NAME.match(text)
    command = BY_NAME.get(named[1].lower()) if named else None
    if named is None or command is None:
        word = text.split(maxsplit=1)[0][:40]
        known = ", ".join(f"/{name}" for name in BY_NAME)
        raise wrong(f"There is no command {word}. There are {known}. For a note, begin with //.")
    return Given(command, text[named.end() :].strip())


def wrong(message: str, field: str = "text") -> ValidationFailed:
    return ValidationFailed([FieldError(field, message)])


def misused(name: str) -> ValidationFailed:
    command = BY_NAME[name]
    return wrong(f"Write {command.usage}, like {command.example}")


def earlier(text: str) -> tuple[datetime, str]:
    """`02:14 text`, `yesterday 02:14 text` or `2026-11-24 02:14 text`, in the viewer's zone. Raises
    `ValidationFailed` for `occurred_at` where that lies in the future or is no time."""
    words = text.split(maxsplit=2)
    today = timezone.localdate()
    day = _day(words[0], today) if words else None
    if day is None:
        words, day = text.split(maxsplit=1), today
    else:
        words = words[1:]
    at = _time(words[0]) if words else None
    if at is None:
        raise misused("at")
    instant = _instant(day, at)
    if instant > timezone.now() + timedelta(minutes=5):
        hint = f" For yesterday, write /at yesterday {words[0]}." if day == today else ""
        raise wrong(f"{day} {words[0]} lies in the future.{hint}", "occurred_at")
    if len(words) == 1:
        raise misused("at")
    return instant, words[1]


def _day(word: str, today: date) -> date | None:
    if word.lower() == "yesterday":
        return today - timedelta(days=1)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
        return None
    try:
        return date.fromisoformat(word)
    except ValueError as error:
        raise wrong(f"There is no day {word}.", "occurred_at") from error


def _time(word: str) -> time | None:
    found = _TIME.fullmatch(word)
    if found is None:
        return None
    try:
        return time(int(found[1]), int(found[2]), int(found[3] or 0))
    except ValueError as error:
        raise wrong(f"There is no time {word}.", "occurred_at") from error


def _instant(day: date, at: time) -> datetime:
    wall = datetime.combine(day, at)
    try:
        instant = timezone.make_aware(wall)
        is_real = timezone.make_naive(instant.astimezone(timezone.get_default_timezone())) == wall
    except OverflowError as error:
        raise wrong(f"There is no time {wall}.", "occurred_at") from error
    if not is_real:
        # Skipped as the clocks went forward.
        raise wrong(f"There was no {at:%H:%M} on {day} here.", "occurred_at")
    return instant


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    owner: str
    due_on: date
    kind: ActionItem.Kind


def action_item(text: str) -> Item:
    """`Text @owner due 2040-12-01 detect`; what it is for is `prevent` where it is not said."""
    words, kind = text.split(), ActionItem.Kind.PREVENT
    if words and words[-1].lower() in ActionItem.Kind.values:
        kind = ActionItem.Kind(words.pop().lower())
    if len(words) < 4 or words[-2].lower() != "due" or not words[-3].startswith("@"):  # noqa: PLR2004 - text, owner, due, date
        raise misused("action")
    try:
        due_on = date.fromisoformat(words[-1])
    except ValueError as error:
        raise wrong(f"Due: {words[-1][:40]} is no date like 2040-12-01.") from error
    return Item(text[: text.rindex(words[-3])].strip(), words[-3][1:], due_on, kind)
