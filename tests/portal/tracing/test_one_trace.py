"""Web, task, SQL and outbound are one trace, each linked to what it was done for."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.test import Client

from audit.models import Event
from portal.celery import TRACE
from tests.incidents.api.calling import issued, with_secret
from tests.people import Cast
from tests.portal.lib.resilience.serving import Server, serving, status
from tests.portal.tracing import app
from tests.portal.tracing.receiving import Got, Receiver

CALLER, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{CALLER}-{SPAN}-01"
ROUTE = "GET /look/<str:name>/"


@pytest.fixture
def pagerduty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(status("202 Accepted", body="{}")) as server:
        monkeypatch.setattr(app, "URL", server.url)
        app.IDS.clear()
        yield server


@pytest.fixture
def urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.portal.tracing.app"


def sent() -> dict[str, Any]:
    """The headers of the one message that waits."""
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        message = queue.get_nowait()
        message.ack()
        queue.clear()
        queue.close()
    return message.headers


def nothing_waits() -> None:
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        queue.clear()
        queue.close()


def worked(task: Any, headers: dict[str, Any]) -> None:
    """As the worker does with a message."""
    task.push_request(**headers)
    try:
        task()
    finally:
        task.pop_request()


def is_done(spans: list[Got]) -> bool:
    return {"tests.page_somebody", ROUTE} <= {span.name for span in spans}


@pytest.mark.usefixtures("traced", "urls", "committed_db", "pagerduty")
class TestOneTrace:
    @pytest.fixture
    def spans(self, receiver: Receiver, client: Client) -> list[Got]:
        nothing_waits()
        response = client.get("/look/anna/", headers={"traceparent": TRACEPARENT})
        assert response.headers["X-Trace-Id"] == CALLER
        worked(app.page_somebody, sent())
        receiver.wait_for(is_done)
        return receiver.spans

    def test_there_is_one_trace_and_it_is_the_callers(self, spans: list[Got]) -> None:
        assert {span.trace_id for span in spans} == {CALLER}
        assert app.IDS == [CALLER]

    def test_each_span_is_linked_to_what_it_was_done_for(
        self, spans: list[Got], receiver: Receiver
    ) -> None:
        web, task = receiver.named(ROUTE), receiver.named("tests.page_somebody")
        broker, page = receiver.named("broker"), receiver.named("pagerduty")
        assert (web.kind, task.kind, broker.kind, page.kind) == (
            *("server", "consumer"),
            *("client", "client"),
        )
        assert web.parent_id == SPAN
        assert broker.parent_id == web.span_id
        assert task.parent_id == broker.span_id
        assert page.parent_id == task.span_id
        statements = [span for span in spans if "db.query.text" in span.attributes]
        assert {span.parent_id for span in statements} == {web.span_id, task.span_id}
        assert all(span.attributes["vigil.dependency"] == "database" for span in statements)

    def test_it_holds_no_value_that_anybody_sent_or_keeps(self, spans: list[Got]) -> None:
        everything = "\n".join(span.everything for span in spans)
        assert "%s" in everything
        for private in ("anna", "example.org", "4711", "127.0.0.1", "User-Agent", "vgl_"):
            assert private not in everything

    def test_the_log_names_trace_and_span(
        self, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            app.page_somebody()
        (record,) = [r for r in caplog.records if "paging" in str(r.msg)]
        line = record.msg
        assert isinstance(line, dict)
        receiver.wait_for(lambda spans: [s for s in spans if s.name == "tests.page_somebody"])
        span = receiver.named("tests.page_somebody")
        assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)


@pytest.mark.usefixtures("traced", "urls", "committed_db")
def test_a_failure_is_named_and_not_quoted(receiver: Receiver) -> None:
    response = Client(raise_request_exception=False).get("/fail/")
    assert response.status_code == 500
    receiver.wait_for(lambda spans: [s for s in spans if s.kind == "server"])
    web, statement = receiver.named("GET /fail/"), receiver.named("SELECT")
    assert web.is_failed
    assert statement.is_failed
    assert statement.attributes["error.type"] == "DataError"
    assert app.SECRET not in "".join(span.everything for span in receiver.spans)
    assert not web.wire.events


@pytest.mark.usefixtures("traced")
def test_what_the_ledger_the_envelope_and_the_trace_say_is_the_same(
    committed_cast: Cast, receiver: Receiver
) -> None:
    caller = with_secret(issued("alerts:write"))
    answer = caller.post("alerts/", {"summary": "Disk full"}, traceparent=TRACEPARENT)
    assert answer.status == 202
    refused = caller.post("alerts/", {"summary": 7})
    assert refused.body["trace_id"] == refused.headers["X-Trace-Id"]
    receiver.wait_for(lambda spans: len([s for s in spans if s.kind == "server"]) == 2)
    web = {span.trace_id: span for span in receiver.spans if span.kind == "server"}
    assert web.keys() == {CALLER, refused.body["trace_id"]}
    assert web[refused.body["trace_id"]].attributes["vigil.error_code"] == refused.code
    assert Event.objects.filter(trace_id=CALLER).exists()


@pytest.mark.usefixtures("traced")
def test_what_only_asks_whether_all_is_well_is_no_trace(client: Client, receiver: Receiver) -> None:
    assert client.get("/health/live").status_code == 200
    assert client.get("/no-such-page/anna").status_code in {302, 404}
    receiver.wait_for(lambda spans: spans)
    (span,) = [span for span in receiver.spans if span.kind == "server"]
    assert "health" not in span.name
    assert "anna" not in span.everything


def test_a_task_goes_on_with_the_trace_of_its_sender_also_without_a_collector(
    committed_db: None, client: Client, settings: Any, pagerduty: Server
) -> None:
    settings.ROOT_URLCONF = "tests.portal.tracing.app"
    nothing_waits()
    assert client.get("/look/anna/", headers={"traceparent": TRACEPARENT}).status_code == 200
    headers = sent()
    assert headers[TRACE] == CALLER
    assert CALLER in json.dumps(headers)
    worked(app.page_somebody, headers)
    assert app.IDS == [CALLER]
