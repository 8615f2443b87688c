from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.journal.writer import Writer


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def writer(directory: Path) -> Iterator[Writer]:
    made = Writer(directory)
    yield made
    made.close()
