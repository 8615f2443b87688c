"""On-call is paged when the gate closes itself, with nothing but the network."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from audit.gate import latch, vectors
from portal import emergency, probes
from portal.stack.layout import Layout
from portal.watchdog import State


class PagerDuty:
    """Events API v2 as it answers: 202 for what is an event, 400 for what is not."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.status = 202
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v2/enqueue"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                payload = body.get("payload", {})
                is_event = (
                    body.get("event_action") in {"trigger", "acknowledge", "resolve"}
                    and len(body.get("routing_key", "")) == 32
                    and {"summary", "source", "severity"} <= set(payload)
                )
                status = cloud.status if is_event else 400
                if status == 202:
                    cloud.events.append(body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_args: object) -> None:
                return

        return Handler


@pytest.fixture
def cloud(tmp_path: Path, settings: Any) -> Iterator[PagerDuty]:
    fake = PagerDuty()
    settings.VAR = Layout(tmp_path)
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32
    settings.EMERGENCY_PAGERDUTY_URL = fake.url
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


def test_a_sound_gate_pages_nobody(cloud: PagerDuty) -> None:
    assert probes.gate().state is State.OK
    assert cloud.events == []


def test_a_wrong_answer_latches_the_gate_and_pages_once(
    cloud: PagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "failures", lambda: ["a detector sends an alert: answered deny"])
    for _ in range(3):
        assert probes.gate().state is State.FAILING
    closed = latch.closed()
    assert closed is not None
    assert [event["dedup_key"] for event in cloud.events] == [closed.id]
    assert "answered deny" in cloud.events[0]["payload"]["summary"]


def test_a_latch_that_another_process_closed_is_paged_too(cloud: PagerDuty) -> None:
    latch.close("rules that are not the pinned ones", {})
    assert "on-call is paged" in probes.gate().detail
    assert len(cloud.events) == 1


def test_what_was_not_accepted_is_tried_again(cloud: PagerDuty) -> None:
    latch.close("broken", {})
    cloud.status = 500
    with pytest.raises(OSError, match="500"):
        probes.gate()
    cloud.status = 202
    probes.gate()
    assert len(cloud.events) == 1


def test_without_a_key_nobody_is_paged_and_that_is_said(cloud: PagerDuty, settings: Any) -> None:
    settings.EMERGENCY_PAGERDUTY_KEY = ""
    with capture_logs() as logs:
        assert emergency.page("x", "The gate is latched") is False
    assert logs[0]["event"] == "nobody_paged"
