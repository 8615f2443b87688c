import json
from io import StringIO

import pytest

from portal.stack.summary import summarize
from portal.stack.terminal import Terminal


def record(**fields: object) -> str:
    return json.dumps(fields)


def request(**fields: object) -> str:
    usual = {
        "event": "request",
        "method": "GET",
        "path": "/",
        "status": 200,
        "ms": 12,
        "poll": False,
    }
    return record(**usual | fields)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (request(), ("GET / 200 in 12 ms", "info")),
        (
            request(method="POST", path="/api/v1/alerts/", status=202),
            ("POST /api/v1/alerts/ 202 in 12 ms", "info"),
        ),
        (request(status=404, path="/nowhere"), ("GET /nowhere 404 in 12 ms", "warning")),
        (request(ms=2400), ("GET / 200 in 2400 ms", "warning")),
        (
            request(status=500, trace_id="ab" * 16),
            (f"GET / 500 in 12 ms trace {'ab' * 16}", "error"),
        ),
        (
            request(path="/health/ready", status=503, trace_id="t"),
            ("GET /health/ready 503 in 12 ms trace t", "error"),
        ),
    ],
)
def test_a_request_is_one_short_line(line: str, shown: tuple[str, str]) -> None:
    found = summarize("web", line)
    assert found is not None
    assert (found.text, found.level) == shown


@pytest.mark.parametrize(
    "line",
    [
        request(poll=True),
        request(path="/health/live"),
        request(path="/static/app.css"),
        request(path="/metrics"),
    ],
)
def test_what_comes_by_itself_every_few_seconds_is_not_shown(line: str) -> None:
    assert summarize("web", line) is None


def test_a_write_is_shown_also_when_the_page_sent_it_by_itself() -> None:
    assert summarize("web", request(method="POST", poll=True)) is not None


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("worker", record(event="task done", level="info"), None),
        (
            "worker",
            record(event="late", level="warning", logger="x", timestamp="t", seconds=3),
            ("late seconds=3", "warning"),
        ),
        (
            "worker",
            record(event="broke", level="error", exception="Traceback…\n  at\nValueError: no"),
            ("broke: ValueError: no", "error"),
        ),
        (
            "watchdog",
            record(event="probe recovered", level="info", probe="web"),
            ("probe recovered probe=web", "info"),
        ),
        ("web", "[2026-01-01 00:00:00 +0000] [7] [INFO] Booting worker", None),
        ("web", "[7] [CRITICAL] WORKER TIMEOUT", ("[7] [CRITICAL] WORKER TIMEOUT", "error")),
        ("postgres", "2026 [7] LOG:  checkpoint starting", None),
        ("postgres", "2026 [7] ERROR:  a refusal that its caller hears of", None),
        ("postgres", "2026 [7] FATAL:  the database system is starting up", None),
        ("postgres", "2026 [7] PANIC:  disk full", ("2026 [7] PANIC:  disk full", "error")),
        ("broker", "7:M 1 Jan # WARNING Memory overcommit must be enabled! may fail", None),
        ("broker", "7:M 1 Jan * Ready to accept connections", None),
        ("broker", "7:M 1 Jan # Error writing", ("7:M 1 Jan # Error writing", "error")),
        ("web", "{not json", None),
        ("web", "[]", None),
        ("web", '{"event": "request"}', None),
        ("web", '{"event": "request", "path": 1, "status": "x", "ms": null}', None),
        ("web", '{"a":' * 100_000, None),
    ],
)
def test_of_the_rest_only_what_matters_is_shown(
    name: str, line: str, shown: tuple[str, str] | None
) -> None:
    found = summarize(name, line)
    assert (found and (found.text, found.level)) == shown


def test_what_comes_from_outside_cannot_drive_the_terminal() -> None:
    found = summarize("web", request(path="/\x1b[2J\nfake line", status=404))
    assert found is not None
    assert found.text == "GET / [2J fake line 404 in 12 ms"


def test_a_long_line_is_cut() -> None:
    found = summarize("web", request(path="/" + "x" * 5000, status=404))
    assert found is not None
    assert found.text.endswith("… in 12 ms")
    assert len(found.text) < 220


def test_lines_carry_time_and_name_and_no_colours_outside_a_terminal() -> None:
    stream = StringIO()
    Terminal(stream).line("web", "hello", "error")
    time_of_day, name, text = stream.getvalue().split()
    assert (len(time_of_day), name, text) == (8, "web", "hello")


def test_a_closed_terminal_stops_nothing() -> None:
    stream = StringIO()
    terminal = Terminal(stream)
    stream.close()
    terminal.say("into the void")


def test_says_nothing_of_the_processes_while_it_stops_them() -> None:
    stream = StringIO()
    terminal = Terminal(stream)
    terminal.quiet = True
    terminal.follow("web", request(status=500))
    assert stream.getvalue() == ""


def test_many_of_a_kind_are_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    terminal = Terminal(stream)
    for took in range(50):
        terminal.follow("web", request(method="POST", path="/api/v1/alerts/", status=202, ms=took))
    terminal.follow("web", request(path="/other"))
    terminal.tell_repeats()
    assert [line[20:] for line in stream.getvalue().splitlines()] == [
        "POST /api/v1/alerts/ 202 in 0 ms",
        "GET /other 200 in 12 ms",
    ]
    monkeypatch.setattr("portal.stack.terminal.REPEAT_WINDOW", 0.0)
    terminal.tell_repeats()
    assert (
        stream.getvalue().splitlines()[2:][0].endswith("POST /api/v1/alerts/ 202: 49 more in 0 s")
    )
    terminal.follow("web", request(method="POST", path="/api/v1/alerts/", status=202))
    assert stream.getvalue().endswith("POST /api/v1/alerts/ 202 in 12 ms\n")


def test_lines_that_differ_in_an_id_are_of_one_kind() -> None:
    def kind(number: int, uid: str) -> str:
        event = f"Task drain[{uid}] gave up after {number} s"
        found = summarize("worker", record(event=event, level="error"))
        assert found is not None
        return found.kind

    assert kind(3, "01bcf2aa-7edd-4e65-9b93-6de6b0aa44e0") == (
        kind(12, "f34786c2-144a-4870-b998-5b82829f4053")
    )
