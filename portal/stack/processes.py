"""The processes of one installation, in the order in which they start."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.stack.layout import Layout
from portal.stack.process import Command
from portal.stack.roles import LEDGER, OWNER, SIGNER

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Processes:
    layout: Layout
    addresses: list[str]
    port: int
    environ: Mapping[str, str]

    def web(self) -> Command:
        binds = [f"--bind={host_port(address, self.port)}" for address in self.addresses]
        return self._python(
            "web",
            *("-m", "gunicorn", "-c", "python:portal.stack.gunicorn_conf", *binds),
            VIGIL_DATABASE_POOL=self.environ.get("VIGIL_DATABASE_POOL", "8"),
        )

    def worker(self) -> Command:
        return self._celery("worker", "celery", concurrency=2)

    def notifier(self) -> Command:
        """Sends what waits for others' servers, so that nothing else waits with it."""
        return self._celery("notifier", "notifications", concurrency=2)

    def _celery(self, name: str, queue: str, *, concurrency: int) -> Command:
        return self._python(
            name,
            *(
                "-m",
                "celery",
                "--quiet",
                "-A",
                "portal",
                "worker",
                "-I",
                "portal.stack.worker_pool",
            ),
            *("--queues", queue, "--hostname", f"{name}@%h", "--concurrency", str(concurrency)),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--max-tasks-per-child", "2000", "--max-memory-per-child", "400000"),
        )

    def beat(self) -> Command:
        return self._python("beat", "-m", "celery", "--quiet", "-A", "portal", "beat")

    def ledger(self) -> Command:
        """The sequencer, with a database login of its own."""
        url = self._url_of(LEDGER, "VIGIL_LEDGER_DATABASE_URL")
        return self._manage("ledger", "sequencer", DATABASE_URL=url)

    def signer(self) -> Command:
        """With a database login of its own, and the only process that reads the log's key."""
        url = self._url_of(SIGNER, "VIGIL_SIGNER_DATABASE_URL")
        return self._manage("signer", "signer", DATABASE_URL=url)

    def watchdog(self) -> Command:
        web = f"http://{host_port(self.addresses[0], self.port)}"
        return self._manage("watchdog", "watchdog", "--web", web)

    def shipper(self) -> Command:
        """Sends the journal on; started only where `VIGIL_JOURNAL_SHIP` says to where."""
        return self._manage("shipper", "ship_journal")

    def sealer(self) -> Command:
        """Seals finished journal files where no worker shares the journal's disk."""
        return self._manage("sealer", "seal_journal", "--every", "3600")

    def database(self) -> Command:
        """One run, as the owner: migrations and first users. Key and static files are others'."""
        return self._manage("setup", "set_up", "--database-only", VIGIL_DATABASE_ROLE=OWNER)

    def set_up(self, owner_url: str | None) -> Command:
        """One run: migrations, static files, first users.

        Without the URL of a login that may become the owner, it only checks that all is migrated.
        """
        if owner_url is None:
            return self._manage("setup", "set_up", "--check")
        return self._manage("setup", "set_up", DATABASE_URL=owner_url, VIGIL_DATABASE_ROLE=OWNER)

    def _url_of(self, login: str, variable: str) -> str:
        if "DATABASE_URL" in self.environ:
            return self.environ.get(variable) or self.environ["DATABASE_URL"]
        return self.layout.database_url(login)

    def _manage(self, name: str, *arguments: str, **env: str) -> Command:
        return self._python(name, str(ROOT / "manage.py"), *arguments, **env)

    def _python(self, name: str, *arguments: str, **env: str) -> Command:
        inherited = {k: v for k, v in self.environ.items() if k != "VIGIL_DATABASE_ROLE"}
        return Command(
            argv=(sys.executable, *arguments),
            env={
                **inherited,
                "DJANGO_SETTINGS_MODULE": "portal.settings",
                "PYTHONUNBUFFERED": "1",
                "VIGIL_VAR": os.fspath(self.layout.var),
                "VIGIL_PROCESS": name,
                **env,
            },
        )


def host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
