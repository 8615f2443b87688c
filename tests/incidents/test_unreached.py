"""Lines of the severity mapping that no alert reaches."""

from dataclasses import dataclass, field

import pytest
from django.test import Client
from django.urls import reverse

from audit.rows import row_save
from incidents.models import SeverityRule
from incidents.unreached import MOST_CASES, Unreached, unreached
from tests.people import TESTS, Cast


@dataclass
class Line:
    position: int
    texts: list[str] = field(default_factory=list)
    label_names: list[str] = field(default_factory=list)
    label_values: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([Line(1), Line(2, ["error"])], [Unreached(2, [1])]),
        ([Line(1, ["error"]), Line(2)], []),
        ([Line(1, ["error", "high"]), Line(2, ["HIGH"])], [Unreached(2, [1])]),
        ([Line(1, ["error"]), Line(2, ["error", "high"])], []),
        ([Line(1, ["a"]), Line(2, ["b"]), Line(3, ["a", "b"])], [Unreached(3, [1, 2])]),
        ([Line(1, ["a"]), Line(2, ["a"], [], ["db"])], [Unreached(2, [1])]),
        ([Line(1, ["a"], [], ["db"]), Line(2, ["a"])], []),
        ([Line(1, [], [], ["db"]), Line(2, [], ["team"], ["db"])], [Unreached(2, [1])]),
        ([Line(1, [], ["team"], ["db"]), Line(2, [], [], ["db"])], []),
        ([Line(1, ["P0", "p1"])], [Unreached(1, [])]),
        ([Line(1), Line(2, ["a"] * 20, ["b"] * 20, ["c"] * 20)], []),
    ],
)
def test_a_line_is_unreached_where_earlier_ones_fit_all_that_it_fits(
    lines: list[Line], found: list[Unreached]
) -> None:
    assert MOST_CASES < 20**3
    assert unreached(lines) == found


def test_the_page_warns_of_a_line_that_is_never_reached(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.administrator)
    page = reverse("admin:incidents_severityrule_changelist")
    assert "never reached" not in client.get(page).content.decode()
    last = SeverityRule.objects.latest("position").position
    row_save(instance=SeverityRule(position=last + 10, texts=["fatal"], severity="P0"), by=TESTS)
    said = client.get(page).content.decode()
    assert f"Line {last + 10} is never reached" in said
    assert f"covered by line {last}" in said
