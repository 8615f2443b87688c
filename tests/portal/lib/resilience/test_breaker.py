"""One breaker for all threads and processes, and one probe among them while it is half open."""

import multiprocessing
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache, caches

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call, clock
from portal.lib.resilience import shared as sharing
from portal.lib.resilience.breaker import CLOSED, HALF_OPEN, OPEN, Circuit, circuit
from portal.lib.resilience.policies import Breaker, Policy
from portal.stack.broker import answers, prepare_broker
from portal.stack.layout import Layout
from portal.stack.process import spawn, stop
from tests.portal.conftest import FakeClock, policy
from tests.stack.waiting import wait_until

ONE = {"timeouts": (10.0,), "delays": (0.0,)}


def fail(_timeout: float) -> None:
    raise ConnectionRefusedError("refused")


def answer(_timeout: float) -> str:
    return "answer"


def trip(name: str = "made-up") -> Circuit:
    """Calls it until its breaker is open."""
    found = circuit(name)
    assert found is not None
    for _ in range(found.breaker.failures):
        with pytest.raises(ApiTimeout):
            call(name, fail)
    assert found.state == OPEN
    return found


@pytest.fixture(params=[True, False], ids=["shared", "local"])
def single(table: dict[str, Policy], request: pytest.FixtureRequest) -> Policy:
    """One attempt a call, so that calls are attempts."""
    table["made-up"] = policy(
        **ONE, bulkhead=0, breaker=Breaker(failures=4, cool_down=30, is_shared=request.param)
    )
    return table["made-up"]


def test_it_opens_after_four_failures_and_says_for_how_long(
    fake_clock: FakeClock, single: Policy
) -> None:
    trip()
    fake_clock.time += 12
    with pytest.raises(CircuitOpen) as refused:
        call("made-up", answer)
    assert refused.value.retry_after == 18


def test_a_probe_that_is_answered_closes_it(fake_clock: FakeClock, single: Policy) -> None:
    breaker = trip()
    fake_clock.time += 30
    assert call("made-up", answer).value == "answer"
    assert breaker.state == CLOSED
    assert [(c.before, c.after) for c in breaker.history()] == [
        (HALF_OPEN, CLOSED),
        (OPEN, HALF_OPEN),
        (CLOSED, OPEN),
    ]
    assert "refused" in breaker.history()[-1].by


def test_a_probe_that_fails_opens_it_for_another_cool_down(
    fake_clock: FakeClock, single: Policy
) -> None:
    breaker = trip()
    fake_clock.time += 30
    with pytest.raises(ApiTimeout):
        call("made-up", fail)
    assert breaker.state == OPEN
    fake_clock.time += 29
    with pytest.raises(CircuitOpen):
        call("made-up", answer)
    fake_clock.time += 1
    assert call("made-up", answer).value == "answer"


def test_a_service_that_comes_and_goes_is_never_asked_more_than_once_a_cool_down_while_open(
    fake_clock: FakeClock, single: Policy
) -> None:
    trip()
    made = []
    for _ in range(300):
        fake_clock.time += 1
        try:
            call("made-up", lambda timeout: made.append(timeout) or fail(timeout))
        except (ApiTimeout, CircuitOpen):
            continue
    assert len(made) == 10


def test_among_many_threads_one_probes_and_all_others_are_refused(
    fake_clock: FakeClock, single: Policy
) -> None:
    trip()
    fake_clock.time += 30
    entered, leave = [], threading.Event()
    begin = threading.Barrier(16)

    def probe(_timeout: float) -> str:
        entered.append(threading.get_ident())
        leave.wait(10)
        return "answer"

    def ask() -> str:
        begin.wait(10)
        try:
            return call("made-up", probe).value
        except CircuitOpen:
            return "refused"

    with ThreadPoolExecutor(16) as threads:
        running = [threads.submit(ask) for _ in range(16)]
        wait_until(lambda: sum(each.done() for each in running) == 15)
        leave.set()
        results = [each.result() for each in running]
    assert len(entered) == 1
    assert sorted(results) == ["answer"] + ["refused"] * 15


def test_a_probe_that_nobody_heard_of_again_gives_way_to_another(
    fake_clock: FakeClock, table: dict[str, Policy]
) -> None:
    """Its process died. In the cache the claim runs out by the cache's own clock."""
    table["made-up"] = policy(**ONE, breaker=Breaker(failures=4))
    breaker = trip()
    fake_clock.time += 30
    assert breaker.admit() is True
    fake_clock.time += 11
    with pytest.raises(CircuitOpen):
        breaker.admit()
    fake_clock.time += 2
    assert breaker.admit() is True


def test_late_word_from_before_neither_opens_nor_closes(
    fake_clock: FakeClock, single: Policy
) -> None:
    breaker = trip()
    breaker.report(is_probe=False)
    assert breaker.state == OPEN
    fake_clock.time += 30
    breaker.admit()
    breaker.report(is_probe=False)
    breaker.report(is_probe=False, failure="late")
    assert breaker.state == HALF_OPEN


def test_closed_by_force_it_lets_calls_through_and_says_who(
    fake_clock: FakeClock, single: Policy
) -> None:
    breaker = trip()
    breaker.close("user:ada: the provider says it is back")
    assert breaker.history()[0].by.startswith("user:ada")
    for _ in range(3):
        with pytest.raises(ApiTimeout):
            call("made-up", fail)
    assert breaker.state == CLOSED
    with pytest.raises(ApiTimeout):
        call("made-up", fail)
    assert breaker.state == OPEN


# --- Over a real cache, from several processes ------------------------------------------------------


@pytest.fixture
def valkey(tmp_path: Path, settings: Any) -> Iterator[Path]:
    layout = Layout(tmp_path)
    command = prepare_broker(layout.broker, layout.broker_socket)
    process = spawn(command, output=subprocess.DEVNULL)
    wait_until(lambda: answers(layout.broker_socket))
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"unix://{layout.broker_socket}",
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    }
    yield layout.broker_socket
    caches.close_all()
    stop(process, command, timeout=5)


def _in_process(begin: Any, results: Any, leave: Any) -> None:
    """One of several processes that all find the breaker half open."""
    found = circuit("made-up")

    def probe(_timeout: float) -> str:
        leave.wait(20)
        return "answer"

    begin.wait(20)
    try:
        results.put(call("made-up", probe).value)
    except CircuitOpen:
        results.put("refused")
    results.put(found.state)


def test_among_processes_one_probes(
    valkey: Path, table: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    table["made-up"] = policy(**ONE, breaker=Breaker(failures=4, is_shared=True))
    breaker = trip()
    later = clock.now() + 31
    monkeypatch.setattr(clock, "now", lambda: later)
    caches.close_all()
    context = multiprocessing.get_context("fork")
    begin, leave, results = context.Barrier(5), context.Event(), context.Queue()
    children = [context.Process(target=_in_process, args=(begin, results, leave)) for _ in range(5)]
    for child in children:
        child.start()
    found = [results.get(timeout=30) for _ in range(8)]
    assert found.count("refused") == 4
    leave.set()
    found += [results.get(timeout=30) for _ in range(2)]
    for child in children:
        child.join(30)
    assert found.count("answer") == 1
    assert found[-1] == CLOSED
    assert breaker.state == CLOSED


def test_what_one_process_opened_is_open_for_another(
    valkey: Path, table: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    trip_in_one = policy(**ONE, breaker=Breaker(failures=4, is_shared=True))
    table["made-up"] = trip_in_one
    trip()
    monkeypatch.setattr("portal.lib.resilience.breaker._circuits", {})
    with pytest.raises(CircuitOpen):
        call("made-up", answer)
    assert [change.after for change in circuit("made-up").history()] == [OPEN]


def test_a_new_process_does_not_forget_failures_that_others_counted(
    valkey: Path, table: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    table["made-up"] = policy(**ONE, breaker=Breaker(failures=4, is_shared=True))
    for _ in range(4):
        monkeypatch.setattr("portal.lib.resilience.breaker._circuits", {})
        with pytest.raises(ApiTimeout):
            call("made-up", fail)
    assert circuit("made-up").state == OPEN


@pytest.mark.parametrize("failure", ["gone", "hung"])
def test_without_the_cache_each_process_goes_by_what_it_knows(
    table: dict[str, Policy], settings: Any, tmp_path: Path, failure: str
) -> None:
    import socket  # noqa: PLC0415

    table["made-up"] = policy(**ONE, breaker=Breaker(failures=4, is_shared=True))
    path = tmp_path / "cache"
    with socket.socket(socket.AF_UNIX) as listening:
        if failure == "hung":
            listening.bind(str(path))
            listening.listen(64)
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"unix://{path}",
                "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
            }
        }
        before = sharing.FAILED.labels("failed")._value.get()
        breaker = trip()
        with pytest.raises(CircuitOpen):
            call("made-up", answer)
        assert [change.after for change in breaker.history()] == [OPEN]
        assert sharing.FAILED.labels("failed")._value.get() == before + 1
        caches.close_all()


def test_the_cache_under_test_is_the_real_one(valkey: Path) -> None:
    cache.set("x", 1)
    assert type(cache._connections["default"]).__name__ == "RedisCache"
