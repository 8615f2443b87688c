"""Lines of the severity mapping that no alert ever reaches, since earlier ones fit all that they fit.

Pure. A line is taken apart into the single alerts that it names: one text, one label, one value; it
is never reached where each of them fits an earlier line. An alert that says P0 to P3 itself reaches
no line at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Protocol

from incidents.severity import Severity

MOST_CASES = 1000


class Line(Protocol):
    position: int
    texts: list[str]
    label_names: list[str]
    label_values: list[str]


@dataclass(frozen=True, slots=True)
class Unreached:
    """`covered_by` are the positions of the lines that leave nothing to it; none where what it asks
    for never comes to the mapping."""

    position: int
    covered_by: Sequence[int]


# None stands for any: any text, any label, and for a value: whatever the labels are.
_Case = tuple[str | None, str | None, str | None]


def unreached(lines: Iterable[Line]) -> list[Unreached]:
    earlier: list[Line] = []
    found = []
    for line in lines:
        covering = _covering(line, earlier)
        if covering is not None:
            found.append(Unreached(line.position, sorted(covering)))
        earlier.append(line)
    return found


def _covering(line: Line, earlier: Sequence[Line]) -> set[int] | None:
    """None where some case is left to it, or where it has too many to look at."""
    covering: set[int] = set()
    cases = list(islice(_cases(line), MOST_CASES + 1))
    if len(cases) > MOST_CASES:
        return None
    for case in cases:
        if (case[0] or "").upper() in Severity.values:
            continue
        by = next((other.position for other in earlier if _fits(other, case)), None)
        if by is None:
            return None
        covering.add(by)
    return covering


def _cases(line: Line) -> Iterator[_Case]:
    texts: list[str | None] = [text.lower() for text in line.texts] or [None]
    if not line.label_values:
        return iter((text, None, None) for text in texts)
    names: list[str | None] = [*line.label_names] or [None]
    return product(texts, names, [value.lower() for value in line.label_values])


def _fits(line: Line, case: _Case) -> bool:
    text, name, value = case
    if line.texts and (text is None or text not in {known.lower() for known in line.texts}):
        return False
    if not line.label_values:
        return True
    if value is None or value not in {known.lower() for known in line.label_values}:
        return False
    return not line.label_names or name in line.label_names
