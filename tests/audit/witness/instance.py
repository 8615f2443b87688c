"""One more installation, as a process of its own, of which only the witness is served.

`python -m tests.audit.witness.instance DIRECTORY 'origin vkey' …` keeps its files there, prints its
port and serves until it is killed.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.urls import include, path

urlpatterns = [path("witness/", include("audit.witness.urls"))]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Says nothing."""


def server() -> ThreadedWSGIServer:
    """The product's own handler and middleware, on a port of loopback."""
    made = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    made.set_app(WSGIHandler())
    return made


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    settings.ROOT_URLCONF = "tests.audit.witness.instance"
    settings.WITNESS_KEY, settings.WITNESS_DIR = Path(sys.argv[1], "key"), Path(sys.argv[1], "seen")
    settings.WITNESS_NAME = "other.example/witness"
    settings.WITNESS_LOGS = sys.argv[2:]
    serving = server()
    sys.stdout.write(f"{serving.server_address[1]}\n")
    sys.stdout.flush()
    serving.serve_forever()
