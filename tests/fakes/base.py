"""A service over HTTP that answers as the real one does, and badly where a test asks for it."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Says:
    """`body` as it is; anything but bytes as JSON. `after` seconds make it late."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


class Fake:
    """`next` are answers to give in place of the real ones, one for each request. Where it
    `takes_anyway`, what is lost is only the real answer."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.next: deque[Says] = deque()
        self.takes_anyway = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, asked: Asked) -> Says:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, asked: Asked) -> Says:
        self.asked.append(asked)
        if not self.next:
            return self.answer(asked)
        if self.takes_anyway:
            self.answer(asked)
        return self.next.popleft()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                says = fake._answer(Asked(self.command, self.path, headers, raw))
                body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
                time.sleep(says.after)
                try:
                    self.send_response(says.status)
                    for name, value in says.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return  # nobody waits for it any more

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the library's names

            def log_message(self, *_args: object) -> None:
                return

        return Handler
