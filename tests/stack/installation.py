"""A whole installation, started as a person would, in a `var` of its own."""

import http.client
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from portal.stack.layout import Layout
from tests.stack.people import Person
from tests.stack.waiting import is_alive, wait_until

NAMES = ("postgres", "broker", "web", "worker", "notifier", "beat", "ledger", "signer", "watchdog")
READY = "Vigil is ready at "


class Installation:
    def __init__(self, person: Person, var: Path, **env: str) -> None:
        self.layout = Layout(var)
        self.port = free_port()
        self._output = var.parent / f"output-{os.urandom(4).hex()}"
        with self._output.open("wb") as output:
            self.process = person.start(
                *("-m", "portal.stack"),
                output=output.fileno(),
                **{
                    "VIGIL_VAR": str(var),
                    "VIGIL_PORT": str(self.port),
                    "VIGIL_VOTE_TIMEOUT_MS": "10000",
                    **env,
                },
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_until_ready(self, *, timeout: float = 90) -> None:
        wait_until(lambda: READY in self.said or self.process.poll() is not None, timeout=timeout)
        assert READY in self.said, self.said
        wait_until(lambda: len(self.family()) >= len(NAMES))

    def status(self, path: str = "/health/ready") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def family(self) -> list[psutil.Process]:
        """Everything that the supervisor started, and what those started."""
        return [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if is_alive(process)
        ]

    def child(self, name: str) -> psutil.Process | None:
        supervisor = psutil.Process(self.process.pid)
        for child in supervisor.children():
            if is_alive(child) and name == name_of(child):
                return child
        return None

    def kill(self, name: str) -> list[psutil.Process]:
        """Kills one of the supervisor's children; returns it with all that it had started."""
        wait_until(lambda: self.child(name), timeout=45)
        killed = self.child(name)
        assert killed
        family = [killed, *killed.children(recursive=True)]
        killed.kill()
        return family

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)

    def clean_up(self) -> None:
        if self.process.poll() is None:
            family = self.family()
            self.process.kill()
            self.process.wait()
            wait_until(gone(family), timeout=30)


def name_of(process: psutil.Process) -> str:
    try:
        kind = process.name()
        if kind.startswith("postgres"):
            return "postgres"
        if kind.startswith("valkey"):
            return "broker"
        return process.environ().get("VIGIL_PROCESS", "")
    except psutil.Error:
        return ""


def gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(is_alive(process) for process in processes)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
