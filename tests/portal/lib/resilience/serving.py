"""A server that misbehaves in the ways that real ones do."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[socket.socket], None]


def says(raw: bytes) -> Answer:
    return lambda opened: opened.sendall(raw)


def status(line: str, *headers: str, body: str = "") -> Answer:
    head = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(body)}"))
    return says(f"HTTP/1.1 {line}\r\n{head}\r\n{body}".encode())


def silent(opened: socket.socket) -> None:
    opened.recv(1)


def hangs_up(opened: socket.socket) -> None:
    opened.close()


def trickles(part: bytes) -> Answer:
    """A byte now and then, for ever: each read comes in time, the whole never."""

    def answer(opened: socket.socket) -> None:
        opened.sendall(part)
        while True:
            opened.sendall(b"x")
            time.sleep(0.02)

    return answer


def floods(opened: socket.socket) -> None:
    opened.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        opened.sendall(b"x" * 65536)


class Server:
    """Answers each connection by the next of `script`, and by the last from then on."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.asked = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/x?y=1"

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            answer = self.script[min(self.asked, len(self.script) - 1)]
            self.asked += 1
            threading.Thread(target=self._answer, args=(opened, answer), daemon=True).start()

    def _answer(self, opened: socket.socket, answer: Answer) -> None:
        with opened, suppress(OSError):
            opened.recv(65536)
            answer(opened)

    def close(self) -> None:
        self._listening.close()


@contextmanager
def serving(*script: Answer) -> Iterator[Server]:
    server = Server(*script)
    try:
        yield server
    finally:
        server.close()
