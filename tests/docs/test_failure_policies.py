"""`docs/failure-policies.md` is what the tables say."""

from pathlib import Path

from portal.lib.resilience.policies import POLICIES
from portal.policies_document import render


def test_the_document_is_rendered_from_the_tables() -> None:
    document = Path(__file__).parents[2] / "docs" / "failure-policies.md"
    assert document.read_text() == render(), "run python -m portal.policies_document"


def test_it_names_every_dependency() -> None:
    assert all(f"| `{name}` |" in render() for name in POLICIES)
