import signal
import threading
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal import probes
from portal.watchdog import Probe, Watchdog


class Command(BaseCommand):
    help = "Watch web, database, broker, disk and gate; runs until it is stopped."
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
        host = urlsplit(settings.ORIGIN).netloc
        Watchdog(
            probes=[
                Probe("web", lambda: probes.web(web, host=host)),
                Probe("database", lambda: probes.database(settings.DATABASE_URL)),
                Probe("broker", lambda: probes.broker(settings.CELERY_BROKER_URL)),
                Probe("disk", lambda: probes.disk(settings.VAR.var)),
                Probe("gate", probes.gate),
            ],
            state_file=settings.VAR.watchdog,
        ).run(stop)
