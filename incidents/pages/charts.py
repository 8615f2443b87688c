"""Charts as plain SVG, in the units of their own view box; the figures stand beside them as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.selectors.measures import Week
from incidents.selectors.pages import PagedPerson
from incidents.severity import Severity

WIDTH, HEIGHT, GAP = 720.0, 140.0, 0.2


@dataclass(frozen=True, slots=True)
class Bar:
    """One severity's part of a column. `y` grows downwards."""

    severity: Severity
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    begins: datetime
    week: Week
    parts: list[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    """`most` is what the highest column stands for."""

    columns: list[Column]
    most: int
    width: float = WIDTH
    height: float = HEIGHT


def bars(weeks: Sequence[Week]) -> Chart | None:
    """A column for each week, most urgent lowest. None where there is nothing to show."""
    most = max((week.incidents for week in weeks), default=0)
    if not most:
        return None
    step = WIDTH / len(weeks)
    # A single week must not fill the page.
    width = min(step * (1 - GAP), 48.0)
    columns = []
    for number, week in enumerate(weeks):
        parts, bottom = [], HEIGHT
        for severity, count in zip(Severity, week.by_severity, strict=True):
            height = HEIGHT * count / most
            bottom -= height
            if count:
                parts.append(Bar(severity, number * step, bottom, width, height))
        columns.append(Column(week.begins, week, parts))
    return Chart(columns, most)


@dataclass(frozen=True, slots=True)
class Line:
    """Of one person's pages, those by day and those at night, as widths in percent."""

    person: PagedPerson
    by_day: float
    at_night: float


def lines(people: Sequence[PagedPerson]) -> list[Line]:
    """The longest for who was paged most often."""
    most = max((each.pages for each in people), default=1)
    return [
        Line(each, 100 * (each.pages - each.at_night) / most, 100 * each.at_night / most)
        for each in people
    ]
