"""`docs/failure-matrix.md` is what the table says, and the table leaves nothing out."""

from portal.lib.resilience.policies import POLICIES
from portal.system.runbook import RUNBOOK
from tests.fault_matrix.document import DOCUMENT, render
from tests.fault_matrix.table import BY_NAME, DEPENDENCIES, EXCEPTIONS, LEFT_OUT, TITLES, Cell


def test_the_document_is_rendered_from_the_table() -> None:
    assert DOCUMENT.read_text() == render(), "run python -m tests.fault_matrix.document"


def test_every_dependency_of_the_policies_has_a_row_or_a_reason() -> None:
    assert POLICIES.keys() - LEFT_OUT.keys() <= BY_NAME.keys()
    assert not LEFT_OUT.keys() & BY_NAME.keys()


def test_it_speaks_of_findings_and_capabilities_that_there_are() -> None:
    assert all(each.finds <= RUNBOOK.keys() for each in DEPENDENCIES)
    assert {(name, title) for name, _, title in EXCEPTIONS} <= {
        (name, title) for name in BY_NAME for title in TITLES
    }


def test_every_exception_changes_something() -> None:
    for (name, mode, title), exception in EXCEPTIONS.items():
        assert exception.level is not Cell(BY_NAME[name], mode).claimed()[title]
