"""Every way of tampering that has a name is done for real, found, and named: `make tamper` as a test."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from audit.ledger.kinds import Kind
from audit.ledger.report import Report
from audit.ledger.verify import verify
from benchmarks.tamper import EVENTS
from benchmarks.tampering import CASES, Case
from benchmarks.tampering.detectors import Detector, find
from benchmarks.tampering.house import House, Stage
from tests import database

Houses = Callable[..., House]


@pytest.fixture(scope="session")
def houses(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Houses]:
    """Made once, and only where a test asks for one; each test gets a copy."""
    home = tmp_path_factory.mktemp("houses")
    made: list[House] = []

    @cache
    def house(on: Stage) -> House:
        name = f"vigil_test_{os.getpid()}_house_{on}"
        if on is Stage.SMALL:
            database.clone(name)
            built = House(name, home / on)
            made.append(built)
            built.build(EVENTS)
        else:
            built = house(Stage.SMALL).copy(name, home / on)
            made.append(built)
            built.grow() if on is Stage.TALL else built.archive()
        return built

    with django_db_blocker.unblock():
        yield house
        for each in made:
            each.drop()


@pytest.fixture
def copied(
    houses: Houses,
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
) -> Iterator[House]:
    with django_db_blocker.unblock():
        original = houses(getattr(request, "param", Stage.SMALL))
        with original.try_out(f"{original.database}_copy", tmp_path / "house") as house:
            yield house


def in_words(case: Case) -> str:
    return f"{case.what}, {case.by}"


@pytest.mark.parametrize(
    ("case", "copied"),
    [(each, each.on) for each in CASES],
    indirect=["copied"],
    ids=map(in_words, CASES),
)
def test_what_was_tampered_with_is_found_and_named(case: Case, copied: House) -> None:
    expected, found = case.run(copied)
    assert case.named(expected, found), f"{case.kind} at {expected} is not among {found}"


@pytest.mark.parametrize("copied", [Stage.SMALL, Stage.ARCHIVED], indirect=True)
@pytest.mark.parametrize("by", Detector)
def test_nothing_is_found_where_nothing_was_done(by: Detector, copied: House) -> None:
    assert find(by, copied) == []


def test_every_kind_of_tampering_is_tried() -> None:
    assert {case.kind for case in CASES} == set(Kind)


def test_the_first_bad_index_is_that_of_the_entry_whatever_else_it_breaks(copied: House) -> None:
    """With its leaf hashed anew, an edit also breaks tile, checkpoints and head."""
    (case,) = (case for case in CASES if case.what == "… and its leaf hashed anew")
    expected = case.do(copied)
    report = Report()
    verify(report)
    assert report.first_bad_index == expected


@pytest.mark.parametrize("rows", [False, True])
def test_several_processes_find_what_one_finds(copied: House, rows: bool) -> None:
    with copied.superuser() as superuser:
        superuser.execute(
            "UPDATE audit_event SET actor = 'user:nobody' WHERE id IN (3, 200);"
            "DELETE FROM audit_event WHERE id = 50; DELETE FROM audit_leaf WHERE index = 120;"
            "UPDATE incidents_service SET name = 'Other' WHERE slug LIKE 'many-1%'"
        )
    alone, together = Report(), Report()
    verify(alone, rows=rows, workers=1)
    verify(together, rows=rows, workers=2)
    assert alone.status == "broken"
    assert together.to_json() == alone.to_json()


def test_of_each_kind_a_hundred_are_named_and_all_are_counted(copied: House) -> None:
    with copied.superuser() as superuser:
        superuser.execute(
            "UPDATE audit_event SET actor = 'user:nobody' WHERE id > 20; DELETE FROM audit_tile"
        )
    report = Report()
    verify(report)
    assert report.findings.counts[Kind.PROJECTION_CHANGED] == report.size - 20
    kinds = [problem.kind for problem in report.problems]
    assert (kinds.count(Kind.PROJECTION_CHANGED), kinds.count(Kind.TILE_DELETED)) == (100, 1)
