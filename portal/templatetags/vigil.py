"""How every page writes instants and durations.

Instants are shown in the viewer's zone, with UTC on hover. Durations are words; where they run,
`vigil/time.js` keeps them going by the server's clock, in the same words as `duration` here.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.template.defaultfilters import linebreaksbr
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.gate import moment
from audit.second_factor.session import way_to_confirm

register = template.Library()

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# Below this many minutes, seconds count.
SECONDS_BELOW = 10 * MINUTE


@register.filter
def instant(at: datetime | None) -> SafeString | str:
    """`12 Feb 19:30`, only the time where it is today, with the year where it is another."""
    return _instant(at, "%H:%M")


@register.filter
def instant_seconds(at: datetime | None) -> SafeString | str:
    return _instant(at, "%H:%M:%S")


def _instant(at: datetime | None, clock: str) -> SafeString | str:
    if at is None:
        return ""
    local, today = timezone.localtime(at), timezone.localdate()
    day = f"{local.day} {local:%b}"
    if local.date() == today:
        shown = local.strftime(clock)
    elif local.year == today.year:
        shown = f"{day} {local.strftime(clock)}"
    else:
        shown = f"{day} {local.year} {local.strftime(clock)}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        iso(at),
        at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        shown,
    )


@register.filter
def iso(at: datetime) -> str:
    """`2026-02-12T18:30:00.000000Z`, of one length, so that it sorts as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@register.filter
def duration(span: timedelta) -> str:
    """`1 d 4 h`, `1 h 12 min`, `12 min`, `4 min 32 s`, `32 s`. Never negative."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds >= DAY:
        return _pair(seconds // DAY, "d", seconds % DAY // HOUR, "h")
    if seconds >= HOUR:
        return _pair(seconds // HOUR, "h", seconds % HOUR // MINUTE, "min")
    if seconds >= SECONDS_BELOW:
        return f"{seconds // MINUTE} min"
    if seconds >= MINUTE:
        return _pair(seconds // MINUTE, "min", seconds % MINUTE, "s")
    return f"{seconds} s"


def _pair(high: int, unit: str, low: int, lower_unit: str) -> str:
    return f"{high} {unit} {low} {lower_unit}" if low else f"{high} {unit}"


@register.simple_tag
def countdown(until: datetime) -> SafeString:
    """`in 12 min`, or `8 min over` once it has passed."""
    left = until - timezone.now()
    text = f"in {duration(left)}" if left >= timedelta() else f"{duration(-left)} over"
    local = timezone.localtime(until)
    return format_html(
        '<time class="v-countdown" datetime="{0}" data-until="{0}" title="{1} · {2}"{3}>{4}</time>',
        iso(until),
        local.strftime("%d %b %H:%M:%S %Z"),
        until.astimezone(UTC).strftime("%H:%M:%S UTC"),
        "" if left >= timedelta() else SafeString(" data-over"),
        text,
    )


@register.simple_tag
def age(since: datetime) -> SafeString:
    """How long ago, still growing."""
    return format_html(
        '<time datetime="{0}" data-since="{0}" title="{1}">{2}</time>',
        iso(since),
        since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        duration(timezone.now() - since),
    )


@register.simple_tag
def span(since: datetime, until: datetime) -> str:
    return duration(until - since)


@register.filter
def who(actor: str) -> str:
    """`user:ada` as `ada`, `token:probe` as `probe (token)`."""
    kind, _, name = actor.partition(":")
    return name if kind == "user" else f"{name} ({kind})"


@register.simple_tag
def server_now() -> str:
    """Milliseconds since 1970, by which pages set right what their own clock says."""
    return str(int(timezone.now().timestamp() * 1000))


@register.simple_tag
def zone() -> str:
    """The viewer's time zone, by name."""
    return timezone.get_current_timezone_name()


@register.filter
def pairs(mapping: Mapping[str, object]) -> list[tuple[str, object]]:
    """Sorted; `.items` in a template would find a key of that name."""
    return sorted(mapping.items())


@register.filter
def linked(text: str) -> SafeString:
    """What people wrote, its web addresses made links. Only those that say `http`: a host's name in
    a sentence is not an invitation to go there."""
    parts = _ADDRESS.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (_link(part) if position % 2 else linebreaksbr(part, autoescape=True),)
            for position, part in enumerate(parts)
        ),
    )


_ADDRESS = re.compile(r"(https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}])")


def _link(address: str) -> SafeString:
    rel = "noopener noreferrer nofollow"
    return format_html('<a href="{0}" rel="{1}" target="_blank">{0}</a>', address, rel)


@register.filter
def web_links(links: Iterable[str]) -> list[tuple[str, str]]:
    """Address and host of those that are safe to follow."""
    parts = [(link, urlsplit(link)) for link in links]
    return [(link, part.netloc) for link, part in parts if part.scheme in {"http", "https"}]


@register.inclusion_tag("audit/second_factor/needed.html", takes_context=True)
def second_factor_needed(context: Mapping[str, Any]) -> dict[str, str]:
    """Where something was refused for want of a second factor: the way to it, and back."""
    request = context.get("request")
    if request is None or not moment.has_lacked("second_factor"):
        return {}
    return {"way": way_to_confirm(request)}
