"""Takes alerts in like the web process does, until it is told to stop; run by the tests of loss.

Prints the id of each receipt once its transaction has committed, which is what a 2xx promises.
"""

import hashlib
import os
import signal
import sys
import threading
import time

import django

django.setup()

from django.db import DatabaseError, connection  # noqa: E402

from audit.principal import Principal  # noqa: E402
from incidents.ingest.types import NormalizedAlert  # noqa: E402
from incidents.models import Source  # noqa: E402
from incidents.services.alerts import alerts_receive  # noqa: E402
from portal.lib.errors import VigilError  # noqa: E402

THREADS = 3
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def send(number: int) -> None:
    by = Principal(kind="token", name="sender", scopes=frozenset({"alerts:write"}))
    count = 0
    while not stop.wait(0.02):
        count += 1
        alert = NormalizedAlert(dedup_key=f"{number}-{count % 5}", summary=f"alert {count}")
        digest = hashlib.sha256(alert.summary.encode()).digest()
        try:
            source = Source.objects.get(slug="alertmanager")
            for receipt in alerts_receive(source=source, alerts=[alert], body_sha256=digest, by=by):
                os.write(1, f"{receipt.pk}\n".encode())  # whole, whatever other threads write
        except (DatabaseError, VigilError) as error:
            sys.stderr.write(f"refused {type(error).__name__} {error}\n")
            connection.close()
            time.sleep(0.1)


threads = [threading.Thread(target=send, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
