"""One installation with everything that it depends on behind something that can be made to fail."""

import json
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from portal.stack.broker import answers, prepare_broker
from portal.stack.process import spawn, stop
from tests.failover.world import SOCKET, Answer, World, ask
from tests.fault_matrix.outside import KEY, ORIGIN, Outside
from tests.faulty_proxy import HOST, FaultyProxy
from tests.stack.waiting import wait_until

# So that a sequencer or signer that is gone is felt within the test's time.
CHECKPOINT_LAG = 20
SCOPES = ("incidents:read", "incidents:write", "audit:read", "admin")


class House(World):
    """`proxies` stand before each dependency that is spoken to over a wire, by its name."""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self.outside = Outside(self.place, self.place / "var" / "keys" / "signer.pub")
            opened.enter_context(self.outside.open())
            broker = opened.enter_context(self._broker())
            self.proxies = {
                **{name: FaultyProxy(port) for name, port in self.outside.ports.items()},
                "broker": FaultyProxy(broker),
                "cache": FaultyProxy(broker),
                "replica": FaultyProxy(self.replica.socket_dir / SOCKET),
            }
            for proxy in self.proxies.values():
                opened.callback(proxy.close)
            self.proxies["database"] = self.proxy
            opened.callback(World.__exit__, self, None, None, None)
            World.__enter__(self)
            self._settle_in()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @contextmanager
    def _broker(self) -> Iterator[Path]:
        socket = self.place / "b" / "broker"
        command = prepare_broker(self.place / "broker", socket)
        with (self.place / "broker.log").open("wb") as log:
            process = spawn(command, output=log)
        try:
            wait_until(lambda: answers(socket))
            yield socket
        finally:
            stop(process, command, timeout=5)

    def start(self, var: Path, urls: dict[str, str], **env: str) -> None:
        port = {name: proxy.port for name, proxy in self.proxies.items()}
        surroundings = {
            "DATABASE_REPLICA_URL": f"postgresql://vigil_app@{HOST}:{port['replica']}/vigil",
            "BROKER_URL": f"redis://{HOST}:{port['broker']}/0",
            "CACHE_URL": f"redis://{HOST}:{port['cache']}/1",
            "VIGIL_EMERGENCY_PAGERDUTY_KEY": KEY,
            "VIGIL_EMERGENCY_PAGERDUTY_URL": f"http://{HOST}:{port['emergency-pagerduty']}/v2/enqueue",
            "VIGIL_LEDGER_ORIGIN": ORIGIN,
            "VIGIL_WITNESSES": f"http://{HOST}:{port['witnesses']} {self.outside.witness.vkey}",
            "VIGIL_JOURNAL_SHIP": f"syslog+tcp://{HOST}:{port['journal-central']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{port['trace-collector']}",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "VIGIL_MAX_CHECKPOINT_LAG": str(CHECKPOINT_LAG),
        }
        super().start(var, urls, **surroundings, **env)

    def sign_in(self, name: str = "commander") -> str:
        """Once the signer has caught up with what was set up."""
        for path in ("/ledger/checkpoint", "/health/ready"):
            wait_until(lambda path=path: self.visit(path).status == 200, timeout=90)
        return super().sign_in(name)

    def start_web_anew(self) -> None:
        """As a deployment does: served all along, by processes that know nothing of before."""
        web = self.installation.child("web")
        assert web is not None
        before = {each.pid for each in web.children()}
        web.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & {each.pid for each in web.children()}, timeout=60)

    def _settle_in(self) -> None:
        """A commander and somebody of security with tokens, and a P0 incident that they work on."""
        self.tokens = {name: self._token(name) for name in ("commander", "security")}
        made = self.call("POST", "/api/v1/incidents/", {"title": "All is down", "severity": "P0"})
        assert made.status == 201, made
        self.incident: str = json.loads(made.body)["number"]

    def _token(self, name: str) -> str:
        done = self.manage("create_token", "--name", name, "--user", name, "--scope", *SCOPES)
        found = re.search(r"vgl_\S+", done.stdout)
        assert found, done.stdout
        return found[0]

    def call(self, method: str, path: str, body: object = None, by: str = "commander") -> Answer:
        """The API, as a program that acts for this person."""
        return self.send(method, path, body, self.tokens[by])

    def send(self, method: str, path: str, body: object, token: str) -> Answer:
        return ask(
            self.installation.port,
            method,
            path,
            "" if body is None else json.dumps(body),
            Authorization=f"Bearer {token}",
            Content_Type="application/json",
        )

    def open(self, path: str, **headers: str) -> Answer:
        """A page, as the commander who signed in."""
        return ask(
            self.installation.port, "GET", path, Cookie=self.cookie, Accept="text/html", **headers
        )

    def visit(self, path: str) -> Answer:
        """As anybody."""
        return ask(self.installation.port, "GET", path, Accept="text/html")


@contextmanager
def a_house() -> Iterator[House]:
    place = Path(tempfile.mkdtemp(prefix="vigil-matrix-"))
    place.chmod(0o755)
    try:
        with House(place) as house:
            yield house
    finally:
        shutil.rmtree(place)
