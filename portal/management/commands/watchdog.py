import signal
import threading
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal import probes
from portal.backlog import Backlog
from portal.lib.heartbeat import ROLES
from portal.on_call import OnCall
from portal.watchdog import Probe, Watchdog


class Command(BaseCommand):
    help = "Watch every part, and page on-call for what fails; runs until it is stopped."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--web",
            default=f"http://127.0.0.1:{settings.PORT}",
            help="where the web process listens (default: %(default)s)",
        )

    def handle(self, *_args: Any, web: str, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        Watchdog(probes=_probes(web), state_file=settings.VAR.watchdog, pager=OnCall()).run(stop)


def _probes(web: str) -> list[Probe]:
    host, beats, backlog = urlsplit(settings.ORIGIN).netloc, probes.Beats(), Backlog()
    return [
        Probe("web", lambda: probes.web(web, host=host)),
        Probe("database", partial(probes.database, settings.DATABASE_URL, beats.ask, backlog.ask)),
        Probe("broker", lambda: probes.broker(settings.CELERY_BROKER_URL)),
        Probe("disk", lambda: probes.disk(settings.VAR.var)),
        Probe("journal", lambda: probes.journal(settings.JOURNAL_DIR)),
        Probe("gate", probes.gate),
        Probe("queue", backlog.queue),
        Probe("ledger", backlog.ledger),
        *(Probe(role, partial(beats.look, role)) for role in ROLES),
    ]
