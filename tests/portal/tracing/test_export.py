"""Exporting fails open: nobody waits for it, and what is lost is counted."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import REGISTRY

from portal.env import Env
from portal.lib import spans
from portal.lib.resilience import call, http, policies
from portal.lib.resilience.breaker import OPEN, circuit
from portal.lib.resilience.policies import POLICIES, Tracing
from portal.lib.trace import bound
from portal.tracing.configuration import traces
from portal.tracing.install import install, uninstall
from tests.incidents.api.calling import issued, with_secret
from tests.people import Cast
from tests.portal.lib.resilience.serving import serving, status
from tests.portal.tracing.receiving import Got, Receiver, receiving
from tests.stack.waiting import wait_until

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{CALLER}-00f067aa0ba902b7-01"


def lost(reason: str) -> float:
    return REGISTRY.get_sample_value("vigil_trace_spans_lost_total", {"reason": reason}) or 0.0


@contextmanager
def installed(url: str, **env: str) -> Iterator[None]:
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
    found = traces(Env({"OTEL_EXPORTER_OTLP_ENDPOINT": url, **quick, **env}))
    assert found
    install(found, "tests")
    try:
        yield
    finally:
        uninstall()


def work(name: str = "work", parent: str = "") -> None:
    with bound(parent), spans.span(spans.Kind.SERVER, name, parent=parent):
        pass


def names(spans: list[Got]) -> list[str]:
    return [span.name for span in spans]


def test_it_is_sent_as_the_environment_says(receiver: Receiver) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20t",
    }
    with installed(receiver.url, **env):
        work()
        receiver.wait_for(names)
    assert receiver.paths == ["/v1/traces"]
    (headers,) = receiver.headers
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["authorization"] == "Bearer t"
    assert {name.lower() for name in headers}.isdisjoint({"traceparent", "tracestate"})
    assert receiver.named("work").service == "vigil-tests"


def test_the_service_has_the_name_that_it_is_given(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "portal-west")
    with installed(receiver.url):
        work()
        receiver.wait_for(names)
    assert receiver.named("work").service == "portal-west"


@pytest.mark.parametrize("code", [400, 429, 500, 503])
def test_what_the_collector_refuses_is_lost_and_counted(receiver: Receiver, code: int) -> None:
    before = lost("export_failed")
    receiver.status = code
    with installed(receiver.url):
        work()
        wait_until(lambda: lost("export_failed") == before + 1)
        receiver.status = 200
        work("later")
        receiver.wait_for(names)
    assert names(receiver.spans) == ["later"]


def test_a_collector_that_is_away_is_left_alone(own_breakers: None) -> None:
    before = lost("export_failed")
    with installed("http://127.0.0.1:1"):
        for n in range(1, 8):
            work()
            wait_until(lambda n=n: lost("export_failed") == before + n)
        breaker = circuit("trace-collector")
        assert breaker
        assert breaker.state == OPEN


def test_what_it_takes_but_does_not_want_is_counted(receiver: Receiver) -> None:
    before = lost("rejected")
    receiver.rejected = 1
    with installed(receiver.url):
        work()
        wait_until(lambda: lost("rejected") == before + 1)


def test_a_full_queue_holds_nobody_up(receiver: Receiver) -> None:
    before = lost("queue_full")
    receiver.hold.clear()
    with installed(receiver.url, OTEL_BSP_MAX_QUEUE_SIZE="10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5"):
        for _ in range(100):
            work()
        # 5 are on their way at most, and 10 wait.
        assert lost("queue_full") - before >= 85
        receiver.hold.set()
        wait_until(lambda: len(receiver.spans) + lost("queue_full") - before == 100)


def test_the_end_waits_for_a_collector_that_hangs_no_longer_than_it_may(
    receiver: Receiver,
) -> None:
    receiver.hold.clear()
    with installed(receiver.url, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1"):
        before = lost("ended")
        for _ in range(3):
            work()
        ending = threading.Thread(target=spans.flush, args=(0.2,))
        ending.start()
        ending.join(10)
        assert not ending.is_alive()
        assert lost("ended") > before
        receiver.hold.set()
        wait_until(lambda: len(receiver.spans) == 3)


def test_the_end_sends_what_waits(receiver: Receiver) -> None:
    with installed(receiver.url, OTEL_BSP_SCHEDULE_DELAY="600000"):
        work()
        spans.flush()
        assert names(receiver.spans) == ["work"]
        work("again")
        spans.flush()
        assert names(receiver.spans) == ["work", "again"]


def in_child(body: Callable[[], None]) -> int:
    """Runs it in a forked process, which ends as a worker does."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            spans.flush(5)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_forked_processes_export_for_themselves(receiver: Receiver) -> None:
    with installed(receiver.url, OTEL_BSP_SCHEDULE_DELAY="600000"):
        assert "traces" not in {thread.name for thread in threading.enumerate()}
        work("of the parent")
        for n in range(3):
            assert in_child(lambda n=n: work(f"child {n}")) == 0
        assert names(receiver.spans) == ["child 0", "child 1", "child 2"]
        spans.flush()
        assert names(receiver.spans)[-1] == "of the parent"
    # The SDK's own generator would go on alike in each of them.
    assert len({span.span_id for span in receiver.spans}) == 4
    assert len({span.trace_id for span in receiver.spans}) == 4


@pytest.mark.parametrize(
    ("sampler", "taken"),
    [
        ({}, ["asked", "own"]),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, []),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, ["asked", "own", "not asked"]),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, ["asked"]),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
            ["asked"],
        ),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, []),
    ],
)
def test_the_sampler_decides(receiver: Receiver, sampler: dict[str, str], taken: list[str]) -> None:
    with installed(receiver.url, **sampler):
        work("asked", PARENT)
        work("own")
        work("not asked", f"{PARENT[:-1]}0")
        spans.flush()
    assert sorted(names(receiver.spans)) == sorted(taken)


@pytest.mark.parametrize("name", ["journal-central", "pagerduty", "witnesses", "probe"])
def test_only_who_may_know_learns_of_the_trace(receiver: Receiver, name: str) -> None:
    with receiving() as called, installed(receiver.url):
        with bound(CALLER), spans.span(spans.Kind.CONSUMER, "task", parent=PARENT):
            call(name, lambda timeout: http.request("POST", called.url, timeout=timeout, body=b""))
        spans.flush()
    (headers,) = called.headers
    told = {name.lower(): value for name, value in headers.items()}.get("traceparent")
    tracing = POLICIES[name].tracing
    if tracing is Tracing.NOT:
        assert names(receiver.spans) == ["task"]
        assert told is None
        return
    span, task = receiver.named(name), receiver.named("task")
    assert span.attributes == {"vigil.dependency": name}
    assert span.parent_id == task.span_id
    assert told == (f"00-{CALLER}-{span.span_id}-01" if tracing is Tracing.SENT_ON else None)


def test_only_what_is_the_installations_own_may_know() -> None:
    may = {name for name, row in POLICIES.items() if row.tracing is Tracing.SENT_ON}
    assert may == {"broker", "journal-central"}
    assert POLICIES["trace-collector"].tracing is Tracing.NOT


def test_each_attempt_is_a_span_and_says_how_it_failed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fake_clock: object
) -> None:
    with serving(status("503 anna"), status("200 OK")) as server, installed(receiver.url):
        with spans.span(spans.Kind.CONSUMER, "task"):
            call(
                "pagerduty",
                lambda timeout: http.request("POST", server.url, timeout=timeout).expect(200),
            )
        spans.flush()
    first, second = [span for span in receiver.spans if span.name == "pagerduty"]
    assert first.is_failed
    assert first.attributes["error.type"] == "Unavailable"
    assert "anna" not in first.everything
    assert not second.is_failed
    assert policies.policy_of("pagerduty").attempts > 1


def test_with_sockets_off_a_request_does_what_it_does(
    committed_cast: Cast, socket_disabled: None
) -> None:
    before = lost("export_failed")
    with installed("http://127.0.0.1:1"):
        answer = with_secret(issued("alerts:write")).post("alerts/", {"summary": "Disk full"})
        assert answer.status == 202
        wait_until(lambda: lost("export_failed") > before)
