"""The application behind a real HTTP server on loopback, with a thread for each request."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

StartResponse = Callable[..., Any]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """The tests look at what happened, not at the log."""


@dataclass
class Served:
    port: int
    is_down: threading.Event = field(default_factory=threading.Event)
    refused: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served() -> Iterator[Served]:
    """While `is_down` is set, every request is answered with 503, like by a proxy."""
    application = get_wsgi_application()

    def gate(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if state.is_down.is_set():
            state.refused += 1
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        return application(environ, start_response)

    with ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler, allow_reuse_address=False) as server:
        state = Served(server.server_address[1])
        server.set_app(gate)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join(10)
