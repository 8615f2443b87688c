"""Five whys and action items of the time when each was one text, read line by line. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from incidents.postmortem_template import MAX_ITEMS, MAX_WHYS

# `1.`, `2)`, `-` and `*` number a line, and are no part of what it says.
_MARK = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Where a text names no day, there is time to look through what was carried over.
TIME_TO_LOOK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    names: tuple[str, ...]
    due_on: date


def whys(text: str) -> list[str]:
    """The last ones in one, where there are more lines than a tree holds."""
    return list(_lines(text, MAX_WHYS))


def items(text: str, today: date) -> list[Item]:
    """`names` are the words that may be a user name: those beside the day, in brackets."""
    return [_item(line, today) for line in _lines(text, MAX_ITEMS)]


def _item(line: str, today: date) -> Item:
    opened = line.rfind("(")
    within = line[opened + 1 :].rstrip(" )") if opened >= 0 else ""
    names = tuple(part.strip().removeprefix("@") for part in within.split(",") if part.strip())
    return Item(line, names, _day(line) or today + TIME_TO_LOOK)


def _day(line: str) -> date | None:
    for found in _DAY.findall(line):
        try:
            return date.fromisoformat(found)
        except ValueError:
            continue
    return None


def _lines(text: str, most: int) -> Iterator[str]:
    found = [_MARK.sub("", line).strip() for line in text.splitlines()]
    said = [line for line in found if line]
    yield from said[: most - 1]
    if rest := said[most - 1 :]:
        yield "\n".join(rest)
