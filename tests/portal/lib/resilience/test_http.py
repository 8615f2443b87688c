"""However a server misbehaves, a request ends in time, bounded, as a failure with a name."""

import socket
from http.client import HTTPException

import pytest

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import FAILURES, Refused, Unavailable, call, clock, http
from portal.lib.resilience.breaker import CLOSED, OPEN, circuit
from portal.lib.resilience.http import Reply
from portal.lib.resilience.policies import Policy
from tests.portal.conftest import policy
from tests.portal.lib.resilience import serving
from tests.portal.lib.resilience.serving import OK, Answer, says, status


def get(server: serving.Server, *, timeout: float = 0.3) -> Reply:
    return http.request("GET", server.url, timeout=timeout)


def test_an_answer() -> None:
    with serving.serving(says(OK)) as server:
        reply = get(server)
    assert (reply.status, reply.body) == (200, b"ok")
    assert reply.expect(200, 202) is reply


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (serving.silent, TimeoutError),
        (serving.hangs_up, OSError),
        (serving.trickles(b""), (TimeoutError, HTTPException)),
        (serving.trickles(b"HTTP/1.1 200 OK\r\nX-Long: "), TimeoutError),
        (serving.trickles(b"HTTP/1.1 200 OK\r\n\r\n"), TimeoutError),
        (serving.floods, HTTPException),
        (says(b"\x16\x03\x01 no http"), HTTPException),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), HTTPException),
        (says(b"HTTP/1.1 two hundred\r\n\r\n"), HTTPException),
    ],
    ids=["silent", "hangs-up", "trickle", "header", "body", "flood", "garbage", "short", "status"],
)
def test_misbehaviour_is_a_failure_that_is_tried_again(
    answer: Answer, kind: type[Exception] | tuple[type[Exception], ...]
) -> None:
    with serving.serving(answer) as server:
        with pytest.raises(kind) as raised:
            get(server)
    assert isinstance(raised.value, FAILURES)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        http.request("GET", f"http://127.0.0.1:{port}/", timeout=1)


@pytest.mark.parametrize(
    ("line", "after", "seconds"),
    [
        ("503 Service Unavailable", "7", 7),
        ("500 Internal Server Error", "", 0),
        ("502 Bad Gateway", "Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("429 Too Many Requests", "999999", 3600),
        ("408 Request Timeout", "-1", 0),
    ],
)
def test_not_now_says_when_to_come_again(line: str, after: str, seconds: float) -> None:
    with serving.serving(status(line, f"Retry-After: {after}")) as server:
        with pytest.raises(Unavailable) as raised:
            get(server).expect(202)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("line", ["400 Bad Request", "401 Unauthorized", "302 Found", "200 OK"])
def test_any_other_status_is_an_answer_and_no_redirect_is_followed(line: str) -> None:
    with serving.serving(status(line, "Location: http://127.0.0.1:1/", body="no")) as server:
        with pytest.raises(Refused, match=line[:3]):
            get(server).expect(202)
    assert server.asked == 1


@pytest.fixture
def quick(table: dict[str, Policy]) -> Policy:
    """The standard's four attempts, too quick to wait for."""
    table["made-up"] = policy(timeouts=(0.2,) * 4, delays=(0.0, 0.01, 0.01, 0.01), is_cut=True)
    return table["made-up"]


def ask(server: serving.Server) -> Reply:
    def attempt(timeout: float) -> Reply:
        return http.request("GET", server.url, timeout=timeout).expect(200)

    return call("made-up", attempt).value


def test_flapping_is_outlasted(quick: Policy) -> None:
    script = [serving.hangs_up, status("503 No"), says(b"garbage\r\n\r\n"), says(OK)]
    with serving.serving(*script) as server:
        assert ask(server).body == b"ok"
        assert server.asked == 4
    assert circuit("made-up").state == CLOSED


def test_down_for_good_it_is_left_alone_and_comes_back_with_the_first_probe(
    quick: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving.serving(*[serving.silent] * 4, says(OK)) as server:
        with pytest.raises(ApiTimeout):
            ask(server)
        assert circuit("made-up").state == OPEN
        for _ in range(10):
            with pytest.raises(CircuitOpen):
                ask(server)
        assert server.asked == 4
        later = clock.now() + 30
        monkeypatch.setattr(clock, "now", lambda: later)
        assert ask(server).body == b"ok"
    assert circuit("made-up").state == CLOSED
