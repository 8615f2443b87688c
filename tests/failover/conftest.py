import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import settings as test_settings
from tests.failover.world import World


@contextmanager
def a_world() -> Iterator[World]:
    if not test_settings.IS_EMBEDDED:
        pytest.skip("only where servers can be started")
    place = Path(tempfile.mkdtemp(prefix="vigil-world-"))
    place.chmod(0o755)
    try:
        with World(place) as world:
            yield world
    finally:
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Shared: who breaks something in it puts it right again."""
    with a_world() as made:
        yield made


@pytest.fixture
def own_world() -> Iterator[World]:
    with a_world() as made:
        yield made
