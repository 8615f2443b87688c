"""HTTP servers on loopback that answer as they are told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

from audit.witness.memory import MemoryUnavailable
from audit.witness.witness import Refused, Witness

Answer: TypeAlias = tuple[int, str, bytes]


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""


@contextmanager
def served(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """The submission prefix of a witness that answers like this."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/witness/add-checkpoint"
            status, content_type, body = answer(
                self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    with running(QuietServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/witness"


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(witness: Witness) -> Callable[[bytes], Answer]:
    """An honest witness, without the product's web part around it."""

    def answer(body: bytes) -> Answer:
        try:
            return 200, "text/plain", witness.add_checkpoint(body).encode()
        except Refused as refused:
            return refused.status, refused.content_type, refused.body.encode()
        except MemoryUnavailable:
            return 503, "text/plain", b""

    return answer
