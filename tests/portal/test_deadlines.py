"""Requests and tasks carry their deadline along."""

from typing import Any

import pytest
from celery import current_app, shared_task
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from portal.celery import HEADER
from portal.lib.resilience import deadline
from portal.middleware import DeadlineMiddleware

SEEN: list[tuple[float, bool]] = []


@shared_task(name="tests.look_at_deadline")
def look_at_deadline() -> None:
    SEEN.append((deadline.remaining(), deadline.is_in_request()))


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


@pytest.mark.parametrize(
    ("path", "seconds"),
    [("/", 60), ("/incidents/", 60), ("/api/v1/alerts/", 30), ("/v2/enqueue", 30)],
)
def test_a_page_has_a_minute_and_a_call_of_the_api_half_of_it(path: str, seconds: float) -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        SEEN.append((deadline.remaining(), deadline.is_in_request()))
        return HttpResponse()

    DeadlineMiddleware(view)(RequestFactory().get(path))
    ((left, is_in_request),) = SEEN
    assert seconds - 5 < left <= seconds
    assert is_in_request
    assert deadline.remaining() == float("inf")


def published() -> dict[str, Any]:
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        queue.clear()
        look_at_deadline.apply_async(connection=connection)
        message = queue.get_nowait()
        message.ack()
        queue.close()
    return message.headers


def test_a_message_carries_the_deadline_of_its_sender() -> None:
    assert HEADER not in published()
    with deadline.within(20, is_request=True):
        ends = deadline.at()
        assert ends is not None
        assert abs(published()[HEADER] - ends) < 1


def test_a_task_has_fifty_seconds_or_what_its_message_leaves_it() -> None:
    look_at_deadline.apply()
    with deadline.within(7, is_request=True):
        headers = {HEADER: deadline.at()}
    # As the worker does with a message's headers.
    look_at_deadline.push_request(**headers)
    look_at_deadline()
    look_at_deadline.pop_request()
    (whole, own), (left, inherited) = SEEN
    assert 45 < whole <= 50
    assert 2 < left <= 7
    assert not own
    assert not inherited
