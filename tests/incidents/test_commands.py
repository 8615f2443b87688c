"""The quick entry's `/` commands: what is one, what is none, and what each makes of its words."""

from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from incidents.commands import BY_NAME, COMMANDS, action_item, earlier, parse
from incidents.pages.quick_entry import RUN
from portal.lib.errors import ValidationFailed

DOCUMENT = (Path(__file__).parents[2] / "docs" / "timeline.md").read_text()


def problem(work: object, text: str) -> tuple[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        work(text)  # type: ignore[operator] # one of several
    (error,) = caught.value.errors
    return error.field, error.message


@pytest.mark.parametrize(
    ("typed", "name", "text"),
    [
        ("Disk full", None, "Disk full"),
        ("//var/log is full", None, "/var/log is full"),
        ("/ack", "ack", ""),
        ("  /ACK On it ", "ack", "On it"),
        ("/pin two\nlines", "pin", "two\nlines"),
    ],
)
def test_what_begins_with_a_slash_is_a_command(typed: str, name: str | None, text: str) -> None:
    found = parse(typed)
    assert (found.command.name if found.command else None, found.text) == (name, text)


@pytest.mark.parametrize("typed", ["/", "/nope x", "/var/log is full", "/at2 x", "/ x"])
def test_an_unknown_command_is_refused_by_name(typed: str) -> None:
    field, message = problem(parse, typed)
    assert field == "text"
    assert f"no command {typed.split(maxsplit=1)[0]}" in message
    assert "/at" in message
    assert "begin with //" in message


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused_by_field(typed: str) -> None:
    for work in (parse, earlier, action_item):
        with suppress(ValidationFailed):
            work(typed)


def test_each_command_does_something_and_is_documented() -> None:
    assert set(RUN) == set(BY_NAME)
    for command in COMMANDS:
        assert command.example.startswith(f"/{command.name} ")
        assert f"`{command.usage.replace('|', chr(92) + '|')}`" in DOCUMENT
        assert command.does in DOCUMENT
        assert f"`{command.example}`" in DOCUMENT


@time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("02:14 Lag", datetime(2026, 11, 25, 1, 14, tzinfo=UTC)),
        ("2:14:30 Lag", datetime(2026, 11, 25, 1, 14, 30, tzinfo=UTC)),
        ("yesterday 23:55 Lag", datetime(2026, 11, 24, 22, 55, tzinfo=UTC)),
        ("2026-07-01 02:14 Lag", datetime(2026, 7, 1, 0, 14, tzinfo=UTC)),
    ],
)
def test_at_is_by_the_viewers_clock(text: str, at: datetime) -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert earlier(text) == (at, "Lag")


@time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("23:55 Lag", "occurred_at", "write /at yesterday 23:55"),
        ("2026-11-26 02:14 Lag", "occurred_at", "lies in the future"),
        ("2026-13-01 02:14 Lag", "occurred_at", "no day 2026-13-01"),
        ("25:14 Lag", "occurred_at", "no time 25:14"),
        ("2026-03-29 02:30 Lag", "occurred_at", "There was no 02:30"),
        ("0001-01-01 00:00 Lag", "occurred_at", "no time 0001"),
        ("noon Lag", "text", "Write /at"),
        ("02:14", "text", "Write /at"),
        ("yesterday", "text", "Write /at"),
        ("", "text", "Write /at"),
    ],
)
def test_a_time_that_is_none_is_refused(text: str, field: str, words: str) -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        found, message = problem(earlier, text)
    assert found == field
    assert words in message


def test_an_action_item_is_read_from_its_end() -> None:
    item = action_item("Mail @bob about @ada @ada due 2040-12-01 detect")
    assert (item.text, item.owner) == ("Mail @bob about @ada", "ada")
    assert (item.due_on, item.kind) == (date(2040, 12, 1), "detect")
    assert action_item("Alert @ada due 2040-12-01").kind == "prevent"


@pytest.mark.parametrize(
    "text", ["", "Alert", "Alert @ada", "@ada due 2040-12-01", "Alert ada due 2040-12-01"]
)
def test_an_action_item_without_its_parts_is_refused(text: str) -> None:
    assert problem(action_item, text)[0] == "text"
    assert "no date" in problem(action_item, "Alert @ada due soon")[1]
