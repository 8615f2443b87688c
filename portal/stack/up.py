"""`manage.py up`: one machine's whole installation, from the checks to the last orderly stop.

It runs before Django is set up and never sets it up, since the settings need the secret that the
first start makes. What needs Django runs as a process of its own.
"""

import argparse
import http.client
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured

from portal.env import Env
from portal.stack.broker import answers, prepare_broker
from portal.stack.errors import StackError
from portal.stack.layout import Layout, leave_socket_directory
from portal.stack.postgres import SUPERUSER, accepts_connections, prepare_postgres
from portal.stack.preflight import Lock, free_addresses, prepare_var
from portal.stack.processes import ROOT, Processes
from portal.stack.roles import prepare_database
from portal.stack.supervisor import Service, Stopped, Supervisor
from portal.stack.terminal import Terminal

DATABASE = "vigil"
START_TIMEOUT = 120.0
STOP_ORDER = (
    (
        ("shipper", "watchdog", "signer", "ledger", "beat", "notifier", "worker", "web", "setup"),
        5.0,
    ),
    (("broker",), 1.5),
    (("postgres",), 3.0),
)


def main(arguments: Sequence[str] = ()) -> int:
    """0 after an orderly stop, 1 when it could not start, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Start everything on this machine and keep it running. Ctrl-C stops it.",
    )
    parser.parse_args(arguments)
    terminal = Terminal()
    try:
        env = Env()
        layout = Layout(env.path("VIGIL_VAR", ROOT / "var"))
        port = env.integer("VIGIL_PORT", 8000, minimum=1, maximum=65535)
        origin = env.text("VIGIL_ORIGIN", f"http://localhost:{port}")
        bind = env.text("VIGIL_BIND", "localhost")
        prepare_var(layout)
        lock = Lock(layout)
        lock.acquire()
    except (StackError, ImproperlyConfigured) as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1
    supervisor = Supervisor(logs=layout.logs, cwd=ROOT, terminal=terminal)
    supervisor.install_signal_handlers()
    try:
        addresses = free_addresses(bind, port, grace=lock.last_run_was_killed)
        processes = Processes(layout, addresses, port, dict(os.environ))
        Stack(layout, processes, supervisor, terminal, origin).start()
        while True:
            supervisor.tick()
    except Stopped:
        terminal.say("\nStopping; Ctrl-C once more stops at once.")
        return 0
    except (StackError, OSError, psycopg.Error) as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1
    finally:
        supervisor.stop(STOP_ORDER)
        leave_socket_directory(layout.sockets)
        lock.release()


class Stack:
    def __init__(
        self,
        layout: Layout,
        processes: Processes,
        supervisor: Supervisor,
        terminal: Terminal,
        origin: str,
    ) -> None:
        self._layout = layout
        self._processes = processes
        self._supervisor = supervisor
        self._terminal = terminal
        self._origin = origin
        self._environ = processes.environ

    def start(self) -> None:
        had_credentials = self._layout.first_run.exists()
        self._start_services()
        self._terminal.say("Setting up the database…")
        self._supervisor.run("setup", self._processes.set_up(self._owner_url()))
        self._terminal.say("Starting web, worker, notifier, beat, ledger, signer and watchdog…")
        # The page first: on two cores every process that starts beside it makes it later.
        for name, command in (("web", self._processes.web), ("ledger", self._processes.ledger)):
            self._supervisor.start(Service(name, command))
        self._supervisor.wait_until(
            "web", lambda: self._responds("/health/live"), timeout=START_TIMEOUT
        )
        for name, command in (
            ("worker", self._processes.worker),
            ("notifier", self._processes.notifier),
            ("beat", self._processes.beat),
            ("signer", self._processes.signer),
            ("watchdog", self._processes.watchdog),
            *([("shipper", self._processes.shipper)] if self._ships_journal() else []),
        ):
            self._supervisor.start(Service(name, command))
        self._supervisor.wait_until(
            "web", lambda: self._responds("/health/ready"), timeout=START_TIMEOUT
        )
        self._terminal.say(welcome(self._layout, self._origin, is_first=not had_credentials))

    def _ships_journal(self) -> bool:
        return bool(self._environ.get("VIGIL_JOURNAL_SHIP", "").strip())

    def _start_services(self) -> None:
        layout = self._layout
        embeds_database = "DATABASE_URL" not in self._environ
        embeds_broker = not {"BROKER_URL", "CACHE_URL"} <= self._environ.keys()
        started = [
            n
            for n, wanted in (("PostgreSQL", embeds_database), ("broker", embeds_broker))
            if wanted
        ]
        if started:
            self._terminal.say(f"Starting {' and '.join(started)}…")
        if embeds_database:
            self._supervisor.start(
                Service("postgres", lambda: prepare_postgres(layout.postgres, layout.sockets))
            )
        if embeds_broker:
            self._supervisor.start(
                Service("broker", lambda: prepare_broker(layout.broker, layout.broker_socket))
            )
        if embeds_database:
            server = layout.database_url(SUPERUSER, "postgres")
            self._supervisor.wait_until(
                "postgres", lambda: accepts_connections(server), timeout=START_TIMEOUT
            )
            prepare_database(server, DATABASE)
            if layout.postgres.is_symlink():
                # The only thing that is not below `var`; whoever deletes or copies that must know.
                self._terminal.say(f"The database is in {layout.postgres.resolve()}.")
        if embeds_broker:
            self._supervisor.wait_until(
                "broker", lambda: answers(layout.broker_socket), timeout=START_TIMEOUT
            )

    def _owner_url(self) -> str | None:
        """A login that may become the owner of the tables, where there is one."""
        if "DATABASE_URL" in self._environ:
            return self._environ.get("VIGIL_OWNER_DATABASE_URL")
        return self._layout.database_url(SUPERUSER, DATABASE)

    def _responds(self, path: str) -> bool:
        connection = http.client.HTTPConnection(
            self._processes.addresses[0], self._processes.port, timeout=5
        )
        try:
            connection.request("GET", path, headers={"Host": urlsplit(self._origin).netloc})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def welcome(layout: Layout, origin: str, *, is_first: bool) -> str:
    """The block that a person reads when all is up; shows credentials only on the first start."""
    lines = ["", f"Vigil is ready at {origin}", ""]
    credentials = layout.first_run
    if credentials.exists():
        shown = _shown(credentials)
        if is_first:
            lines += [f"  {line}".rstrip() for line in credentials.read_text().splitlines()]
            lines += ["", f"  Shown once; kept in {shown}, which only you can read."]
        else:
            lines.append(f"  The first passwords and token are in {shown}.")
    if not is_first:
        lines.append("  New ones: sign in as an administrator, under Users and API tokens.")
    lines += ["  Ctrl-C stops everything; the data stay.", ""]
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
