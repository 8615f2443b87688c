"""An installation on a primary and a streaming replica of its own, and people who use it all along."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import psutil
import psycopg

from portal.stack.postgres import EmbeddedPostgres
from portal.stack.processes import ROOT
from portal.stack.roles import prepare_database
from tests.failover.standby import Standby
from tests.faulty_proxy import FaultyProxy, Mode
from tests.stack.installation import Installation
from tests.stack.people import Person
from tests.stack.waiting import wait_until

READ_ONLY = "X-Vigil-Read-Only"
SOCKET = ".s.PGSQL.5432"
ROLES = {"": "vigil_app", "LEDGER_": "vigil_ledger", "SIGNER_": "vigil_signer"}


@dataclass(frozen=True, slots=True)
class Answer:
    at: float
    status: int
    body: str
    headers: dict[str, str]
    cookies: str = ""


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> Answer:
    """Status 0 where nobody answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=70)
    sent = {"Host": "localhost", **{name.replace("_", "-"): v for name, v in headers.items()}}
    try:
        connection.request(method, path, body or None, sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        cookies = "; ".join(answer.headers.get_all("Set-Cookie") or ())
        return Answer(time.monotonic(), answer.status, text, dict(answer.getheaders()), cookies)
    except (OSError, http.client.HTTPException) as error:
        return Answer(time.monotonic(), 0, str(error), {})
    finally:
        connection.close()


@dataclass
class Traffic:
    """Alerts sent, and a page read, all the time; every answer is kept."""

    port: int
    token: str
    cookie: str
    pause: float = 0.1
    sent: list[Answer] = field(default_factory=list)
    read: list[Answer] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=work, args=(n,), daemon=True)
            for n, work in enumerate((self._send, self._send, self._read))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(80)

    def _send(self, thread: int) -> None:
        count = 0
        while not self._stop.wait(self.pause):
            count += 1
            alert = {"dedup_key": f"{thread}-{count % 5}", "summary": f"alert {count}"}
            answer = ask(
                self.port,
                "POST",
                "/api/v1/alerts/",
                json.dumps(alert),
                Authorization=f"Bearer {self.token}",
                Content_Type="application/json",
            )
            if answer.status == 202:
                self.acknowledged += [row["id"] for row in json.loads(answer.body)["receipts"]]
            self.sent.append(answer)

    def _read(self, _thread: int) -> None:
        while not self._stop.wait(3 * self.pause):
            self.read.append(
                ask(
                    self.port, "GET", "/incidents/incident/", Cookie=self.cookie, Accept="text/html"
                )
            )

    def is_well(self, after: float) -> bool:
        """With every process again: each has a breaker of its own."""
        sent = [a.status for a in self.sent if a.at > after][-30:]
        read = [a for a in self.read if a.at > after][-10:]
        return (
            sent == [202] * 30
            and len(read) == 10
            and all(a.status == 200 and READ_ONLY not in a.headers for a in read)
        )

    def well_again(self, after: float) -> Answer | None:
        """The first alert taken after the last that was not, and after this moment."""
        refused = max((a.at for a in self.sent if a.status != 202), default=0.0)
        return self.first(self.sent, max(after, refused), 202)

    def first(self, answers: list[Answer], after: float, *statuses: int) -> Answer | None:
        return next((a for a in answers if a.at > after and a.status in statuses), None)


class World:
    installation: Installation | None = None

    def __init__(self, place: Path, person: Person | None = None) -> None:
        self.place, self.person = place, person or Person(sys.executable, None)
        self.disk = place / "disk"
        self.is_small = self._mount()
        self.primary = EmbeddedPostgres(self.disk / "data", place / "p")
        self.replica = Standby(self.primary.socket_dir, place / "replica", place / "r", fsync=True)
        self.proxy = FaultyProxy(self.primary.socket_dir / SOCKET)

    def _mount(self) -> bool:
        """A disk of its own that can be filled, where this machine lets us have one."""
        self.disk.mkdir(mode=0o755)
        command = ["mount", "-t", "tmpfs", "-o", "size=800m,mode=755", "tmpfs", str(self.disk)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def __enter__(self) -> Self:
        self.primary.__enter__()
        with self.server() as server:
            server.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
            server.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
            server.execute("SELECT pg_reload_conf()")
        prepare_database(self.primary.superuser_url("postgres"), "vigil")
        self.replica.__enter__()
        self.start(self.place / "var", self.urls(f"127.0.0.1:{self.proxy.port}", ""))
        return self

    def __exit__(self, *_: object) -> None:
        if self.installation:
            self.installation.clean_up()
        self.proxy.close()
        for server in (self.replica, self.primary):
            server.__exit__(None, None, None)
        if self.is_small:
            subprocess.run(["umount", "--lazy", str(self.disk)], check=True)  # noqa: S607

    def urls(self, host: str, query: str) -> dict[str, str]:
        return {
            f"{'VIGIL_' if prefix else ''}{prefix}DATABASE_URL": f"postgresql://{role}@{host}/vigil{query}"
            for prefix, role in ROLES.items()
        }

    def start(self, var: Path, urls: dict[str, str], **env: str) -> None:
        environ = {
            "VIGIL_OWNER_DATABASE_URL": self.primary.superuser_url("vigil"),
            "DATABASE_REPLICA_URL": self.replica.url("vigil_app", "vigil"),
            # Whoever asks all the time is no flood here.
            "VIGIL_REQUESTS_PER_MINUTE": "100000",
            **urls,
            **env,
        }
        self.environ = {"VIGIL_VAR": str(var), **environ}
        self.installation = Installation(self.person, var, **environ)
        wait_until(
            lambda: (
                "Vigil is ready at " in self.installation.said
                or self.installation.process.poll() is not None
            ),
            timeout=100,
        )
        assert self.installation.process.poll() is None, self.installation.said
        first_run = (var / "keys" / "first-run.txt").read_text()
        self.token = re.search(r"vgl_\S+", first_run)[0]
        self.people: dict[str, str] = dict(re.findall(r"(\w+) +(\S{16})(?!\S)", first_run))
        self.cookie = self.sign_in()

    def server(self, of: EmbeddedPostgres | None = None) -> psycopg.Connection[Any]:
        """Of the superuser, to the primary or another server."""
        url = (of or self.primary).superuser_url("postgres")
        return psycopg.connect(url, autocommit=True)

    def sign_in(self, name: str = "commander") -> str:
        port = self.installation.port
        page = ask(port, "GET", "/login/", Accept="text/html")
        token = re.search(r"csrftoken=(\w+)", page.cookies)[1]
        form = {
            "username": name,
            "password": self.people[name],
            "csrfmiddlewaretoken": token,
            "next": "/",
        }
        sent = ask(
            port,
            "POST",
            "/login/",
            urlencode(form),
            Cookie=f"csrftoken={token}",
            Origin=f"http://localhost:{port}",
            Content_Type="application/x-www-form-urlencoded",
        )
        assert sent.status == 302, sent
        session = re.search(r"sessionid=(\w+)", sent.cookies)[1]
        return f"csrftoken={token}; sessionid={session}"

    def traffic(self, pause: float = 0.1) -> Traffic:
        """`pause` is how long each sender waits between two alerts, in seconds."""
        return Traffic(self.installation.port, self.token, self.cookie, pause)

    def kept(self, of: EmbeddedPostgres | None = None) -> set[str]:
        """The receipts that are there."""
        with psycopg.connect((of or self.primary).superuser_url("vigil")) as database:
            rows = database.execute("SELECT public_id::text FROM incidents_alertreceipt")
            return {row[0] for row in rows.fetchall()}

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        environ = {**self.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", **env}
        return self.person.run(str(ROOT / "manage.py"), *arguments, timeout=100, **environ)

    # --- The faults, and how each is put right --------------------------------------------------------

    def kill(self) -> None:
        self._pause_or_end("kill")
        self.primary._process.wait(10)

    def restart(self) -> None:
        if self.primary._process.poll() is not None:
            self.primary._output.close()
            self.primary.__enter__()

    def freeze(self) -> None:
        self._pause_or_end("suspend")

    def thaw(self) -> None:
        self._pause_or_end("resume")

    def fill_disk(self) -> None:
        # Without a buffer: one that still holds something when the disk is full fails again as it is closed.
        with (self.disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(os.urandom(65536))

    def empty_disk(self) -> None:
        (self.disk / "filler").unlink(missing_ok=True)
        self.restart()

    def exhaust(self) -> None:
        """All of the server's places are taken, those of Vigil's own connections as well."""
        control = self.server()
        self._hogs: list[Any] = [control]
        ours = "FROM pg_stat_activity WHERE usename LIKE 'vigil%'"
        while True:
            control.execute(f"SELECT pg_terminate_backend(pid) {ours}")
            try:
                while True:
                    self._hogs.append(self.server())
            except psycopg.OperationalError:
                if control.execute(f"SELECT count(*) {ours}").fetchone() == (0,):
                    return

    def let_go(self) -> None:
        for hog in self._hogs:
            hog.close()

    def slow_down(self) -> None:
        self.proxy.set(Mode.SLOW, delay=7.0)

    def speed_up(self) -> None:
        self.proxy.set(Mode.PASS)

    def _pause_or_end(self, what: str) -> None:
        postmaster = psutil.Process(self.primary._process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            try:
                getattr(process, what)()
            except psutil.NoSuchProcess:
                continue


# Each with what begins and what ends it.
FAULTS = {
    "kill -9": (World.kill, World.restart),
    "freeze": (World.freeze, World.thaw),
    "slow network": (World.slow_down, World.speed_up),
    "disk full": (World.fill_disk, World.empty_disk),
    "connections exhausted": (World.exhaust, World.let_go),
}
