"""The pages as they are really served: a web process on a database of its own."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pytest_django import DjangoDbBlocker

from portal.stack.processes import ROOT
from tests import database
from tests.people import Cast, make_cast

T = TypeVar("T")
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Site:
    url: str
    cast: Cast
    name: str
    blocker: DjangoDbBlocker
    threads: ThreadPoolExecutor
    var: Path

    def in_database(self, work: Callable[[], T]) -> T:
        """Runs it against the site's database, in a thread where no browser's loop runs."""

        def run() -> T:
            with self.blocker.unblock(), database.pointed_at(self.name):
                return work()

        return self.threads.submit(run).result()


@contextmanager
def serving(blocker: DjangoDbBlocker) -> Iterator[Site]:
    name = f"vigil_browser_{os.getpid()}"
    with ThreadPoolExecutor(1) as threads, tempfile.TemporaryDirectory() as var:

        def prepare() -> Cast:
            with blocker.unblock():
                database.ensure_template()
                database.clone(name)
                with database.pointed_at(name):
                    return make_cast()

        cast = threads.submit(prepare).result()
        try:
            with web(name, Path(var)) as url:
                yield Site(url, cast, name, blocker, threads, Path(var))
        finally:
            threads.submit(database.drop, name).result()


@contextmanager
def web(name: str, var: Path) -> Iterator[str]:
    port = free_port()
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database.url_of(name),
        "SECRET_KEY": "browser-tests-only",
        "VIGIL_TEST_VAR": str(var),
        "VIGIL_PORT": str(port),
        # The tests' people are quicker than people.
        "VIGIL_REQUESTS_PER_MINUTE": "100000",
    }
    env.pop("VIGIL_ORIGIN", None)
    run(env, "manage.py", "collectstatic", "--noinput", "--verbosity=0")
    bind = f"127.0.0.1:{port}"
    options = ("--worker-class=gthread", "--threads=8", f"--bind={bind}", "--no-control-socket")
    log = var / "web.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "portal.wsgi:application"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_served(port, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(10)


def run(env: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_served(port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/login/", headers={"Host": "localhost"})
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError(log.read_text())
