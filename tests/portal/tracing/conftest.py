from collections.abc import Iterator

import pytest
from django.db import connection

from portal.env import Env
from portal.tracing.configuration import traces
from portal.tracing.install import install, uninstall
from tests.portal.tracing.receiving import Receiver, receiving

QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "20"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def environment(receiver: Receiver) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICK}


@pytest.fixture
def traced(environment: dict[str, str]) -> Iterator[None]:
    """As the process does when it starts, before it has a connection."""
    found = traces(Env(environment))
    assert found
    install(found, "tests")
    connection.close()
    yield
    uninstall()
    connection.close()
    # The wrapper stays with the thread's connection, and is none of another test's.
    connection.execute_wrappers[:] = [
        each for each in connection.execute_wrappers if each.__module__ != "portal.tracing.sql"
    ]
