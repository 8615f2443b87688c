import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portal import probes
from portal.lib.resilience import policies
from portal.stack.broker import answers, prepare_broker
from portal.stack.layout import Layout
from portal.stack.process import spawn, stop
from portal.watchdog import State
from tests import database
from tests.stack.waiting import wait_until


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replace(policies.POLICIES["probe"], timeouts=(1.0,))
    monkeypatch.setattr(policies, "POLICIES", {**policies.POLICIES, "probe": quick})


class Site(HTTPServer):
    status = 200
    asked: tuple[str, str | None] | None = None


class Answers(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked = (self.path, self.headers["Host"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_web_asks_the_process_by_the_name_of_the_site(site: Site) -> None:
    url = f"http://127.0.0.1:{site.server_port}"
    assert probes.web(url, host="vigil.example.org").state is State.OK
    assert site.asked == ("/health/live", "vigil.example.org")
    site.status = 500
    assert probes.web(url, host="vigil.example.org").detail == "/health/live answered 500"


def test_web_that_does_not_answer_is_a_failure(nowhere: int) -> None:
    with pytest.raises(OSError, match=r"timed out|no whole answer"):
        probes.web(f"http://127.0.0.1:{nowhere}", host="x")


def test_database() -> None:
    assert probes.database(database.conninfo("postgres")).state is State.OK
    with pytest.raises(psycopg.OperationalError):
        probes.database(database.conninfo("no_such_database"))


def test_broker(place: Path) -> None:
    layout = Layout(place)
    with pytest.raises(Exception, match="No such file"):
        probes.broker(layout.broker_url())
    command = prepare_broker(layout.broker, layout.broker_socket)
    process = spawn(command, output=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(layout.broker_socket))
        assert probes.broker(layout.broker_url()).state is State.OK
    finally:
        stop(process, command, timeout=5)


@pytest.mark.parametrize(
    ("free", "state"),
    [(20, State.OK), (19, State.WARNING), (5, State.WARNING), (4, State.FAILING)],
)
def test_disk_warns_before_it_fails(
    monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (100, 100 - free, free))
    found = probes.disk(Path("/srv/var"))
    assert found.state is state
    assert found.detail == f"{free}% of the disk with /srv/var is free"


def test_gate_asks_the_axioms_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probes.gate().state is State.OK
    monkeypatch.setattr("audit.gate.vectors.failures", lambda: ["one was let through"])
    assert "one was let through" in probes.gate().detail
    assert probes.gate().state is State.FAILING


def test_a_journal_is_tried_by_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (100, 50, 50))
    assert probes.journal(tmp_path / "journal").state is State.OK
    assert list((tmp_path / "journal").iterdir()) == []
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(OSError, match="file"):
        probes.journal(tmp_path / "file")
