"""Gunicorn's configuration, for `make run` and for production alike:

`gunicorn -c python:portal.stack.gunicorn_conf`
"""

import json
import os
import signal
import sys
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from portal.lib import spans
from portal.stack.process import end_with_parent

wsgi_app = "portal.wsgi:application"
worker_class = "gthread"
# Twice the cores of a pod: in each fewer threads want the interpreter, so that urgent work waits less
# for it beside a flood.
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
# Whoever is served or waits has a thread, and may have come to one process alone: 50 and 100 in all,
# and some to refuse the rest. How many are really served at once is up to `portal.limits`.
threads = 160
preload_app = True  # imported once, then shared by the workers
timeout = 65  # a request has 60 s
graceful_timeout = int(os.environ.get("VIGIL_GRACE", "4"))
keepalive = 5
max_requests = 50_000  # against leaks, one worker at a time
max_requests_jitter = 5_000
control_socket_disable = True
accesslog = "-"
errorlog = "-"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes a private file in it
if os.access(SHARED_MEMORY, os.W_OK):
    worker_tmp_dir = SHARED_MEMORY


class AccessLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """One JSON line for each request: no address, no query string, nothing that names a person."""

    def access(
        self, resp: Any, _req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> None:
        headers = {name.lower(): value for name, value in resp.headers}
        if "x-vigil-shed" in headers:
            return  # counted, and told once a second: a flood must not become one of the log
        line = {
            "event": "request",
            "method": environ.get("REQUEST_METHOD", ""),
            "path": environ.get("PATH_INFO", ""),
            "status": int(str(resp.status).split(maxsplit=1)[0]),
            "ms": round(request_time.total_seconds() * 1000),
            "poll": "HTTP_HX_REQUEST" in environ,
            "trace_id": headers.get("x-trace-id", ""),
        }
        self.access_log.info("%s", json.dumps(line))


logger_class = AccessLogger


def post_fork(_server: object, _worker: object) -> None:
    from portal import heart  # noqa: PLC0415 - the application is loaded by now

    end_with_parent(signal.SIGKILL)
    heart.beat_as_web()
    # Django is set up by now: the application was loaded before the fork.
    from portal.database import keeper  # noqa: PLC0415

    keeper.start()


def worker_exit(_server: object, _worker: object) -> None:
    spans.flush()


def post_worker_init(_worker: object) -> None:
    """Once Django is set up, in each web process."""
    from portal.limits import watching  # noqa: PLC0415 - needs the settings

    # What a thread waits for the interpreter after each answer of the database, for each busy one.
    sys.setswitchinterval(0.001)
    watching.start()
