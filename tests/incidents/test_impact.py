"""What the questions of impact propose."""

from itertools import product

import pytest

from incidents.impact import ORDER, QUESTIONS, propose
from incidents.severity import Severity


@pytest.mark.parametrize(
    ("answers", "severity"),
    [
        ({"harm": "yes"}, "P0"),
        ({"harm": "yes", "reach": "looks", "way_around": "yes"}, "P0"),
        ({"reach": "all"}, "P0"),
        ({"reach": "all", "way_around": "yes"}, "P1"),
        ({"reach": "major", "harm": "no"}, "P1"),
        ({"reach": "major", "trend": "yes"}, "P0"),
        ({"reach": "major", "trend": "yes", "way_around": "yes"}, "P1"),
        ({"reach": "minor", "trend": "no"}, "P2"),
        ({"reach": "looks", "way_around": "yes"}, "P3"),
    ],
)
def test_the_gravest_answer_counts_and_the_others_move_it(
    answers: dict[str, str], severity: str
) -> None:
    proposal = propose(answers)
    assert proposal is not None
    assert proposal.severity == severity
    assert proposal.because


@pytest.mark.parametrize(
    "answers", [{}, {"trend": "yes"}, {"harm": "no", "way_around": "yes"}, {"reach": "x", "y": "z"}]
)
def test_without_an_answer_that_weighs_nothing_is_proposed(answers: dict[str, str]) -> None:
    assert propose(answers) is None


def test_a_graver_answer_never_lowers_it() -> None:
    """Over all ways to answer: what asks for more, or gets worse, is never proposed as less."""
    keys = [[answer.key for answer in question.answers] for question in QUESTIONS]

    def level(*given: str) -> int:
        found = propose(dict(zip((q.key for q in QUESTIONS), given, strict=True)))
        assert found is not None
        return ORDER.index(found.severity)

    for harm, reach, way, trend in product(*keys):
        assert level("yes", reach, way, trend) == 0
        assert level(harm, "all", way, trend) <= level(harm, reach, way, trend)
        assert level(harm, reach, "no", trend) <= level(harm, reach, way, trend)
        assert level(harm, reach, way, "yes") <= level(harm, reach, way, trend)


def test_every_severity_can_be_proposed() -> None:
    reach = next(question for question in QUESTIONS if question.key == "reach")
    assert {answer.at_least for answer in reach.answers} == set(Severity)
