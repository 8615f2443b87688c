from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from portal.templatetags import vigil

NOW = datetime(2026, 2, 12, 18, 30, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_zurich() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Europe/Zurich")):
        yield


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (272, "4 min 32 s"),
        (599, "9 min 59 s"),
        (600, "10 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (4_320, "1 h 12 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (100_800, "1 d 4 h"),
    ],
)
def test_durations_are_words(seconds: int, words: str) -> None:
    assert vigil.duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW, "19:30"),
        (NOW - timedelta(hours=19), "00:30"),
        (NOW - timedelta(hours=20), "11 Feb 23:30"),
        (NOW - timedelta(days=365), "12 Feb 2025 19:30"),
    ],
)
def test_an_instant_is_local_and_no_longer_than_needed(at: datetime, words: str) -> None:
    assert f">{words}</time>" in vigil.instant(at)
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC"' in vigil.instant(at)


def test_no_instant_is_nothing() -> None:
    assert vigil.instant(None) == ""


def test_iso_sorts_as_text() -> None:
    earlier = NOW.replace(microsecond=5).astimezone(ZoneInfo("Asia/Tokyo"))
    assert vigil.iso(earlier) == "2026-02-12T18:30:05.000005Z"
    assert vigil.iso(NOW) < vigil.iso(earlier)


def test_a_countdown_says_how_long_there_is_or_how_late_it_is() -> None:
    assert ">in 12 min</time>" in vigil.countdown(NOW + timedelta(minutes=12))
    over = vigil.countdown(NOW - timedelta(minutes=8))
    assert ">8 min over</time>" in over
    assert " data-over>" in over


@pytest.mark.parametrize(
    ("actor", "shown"), [("user:ada", "ada"), ("token:probe", "probe (token)")]
)
def test_actors_are_named(actor: str, shown: str) -> None:
    assert vigil.who(actor) == shown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b", "a &lt; b"),
        ("one\ntwo", "one<br>two"),
        ("example.org", "example.org"),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_text_stays_text(text: str, html: str) -> None:
    assert vigil.linked(text) == html


def test_addresses_become_links_without_the_stop_after_them() -> None:
    html = vigil.linked("(see https://example.org/a?b=1&c=2).")
    assert 'href="https://example.org/a?b=1&amp;c=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert html.endswith("</a>).")


def test_only_web_links_are_followed() -> None:
    links = ["https://example.org:8443/x", "javascript:alert(1)", "//example.org", "data:,x"]
    assert vigil.web_links(links) == [("https://example.org:8443/x", "example.org:8443")]
