import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from portal.lib.resilience import clock
from tests.fakes.jira import Jira
from tests.fakes.mail import Mail
from tests.fakes.pagerduty import PagerDuty
from tests.fakes.receiver import Receiver
from tests.fakes.slack import Slack
from tests.incidents.telling import WEBHOOK_SECRET


@pytest.fixture(autouse=True)
def loopback_may_be_reached(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts are not waited for."""
    pauses: list[float] = []
    monkeypatch.setattr(clock, "sleep", pauses.append)
    return pauses


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    fake = PagerDuty()
    yield fake
    fake.stop()


@pytest.fixture
def slack() -> Iterator[Slack]:
    fake = Slack()
    yield fake
    fake.stop()


@pytest.fixture
def jira() -> Iterator[Jira]:
    fake = Jira()
    yield fake
    fake.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    fake = Receiver(WEBHOOK_SECRET)
    yield fake
    fake.stop()


@pytest.fixture
def mail(settings: Any) -> Iterator[Mail]:
    fake = Mail()
    settings.SMTP = fake.smtp
    yield fake
    fake.stop()
