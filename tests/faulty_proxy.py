"""A TCP port before a server, behind which the server is as well, or as unwell, as a test says."""

import contextlib
import socket
import struct
import threading
import time
from enum import StrEnum
from pathlib import Path

# No protocol that Vigil speaks to anybody begins an answer like this.
GARBAGE = b"\x07\x7fnot what you asked for\r\n\x00\xff"
# With this option, closing a connection resets it.
RESETS = struct.pack("ii", 1, 0)
HOST = "127.0.0.1"


class Mode(StrEnum):
    PASS = "pass"
    DOWN = "down"
    """Refuses connections, and has reset those that were open."""
    SLOW = "slow"
    """Holds up whatever goes either way."""
    WRONG = "wrong"
    """Takes what is said, and answers with what makes no sense."""
    FLAPPING = "flapping"
    """Down and there again, every few seconds."""


class FaultyProxy:
    """`target` is a server's Unix socket, or its port on this machine."""

    def __init__(self, target: Path | int, *, period: float = 4.0) -> None:
        self._target = target if isinstance(target, int) else str(target)
        self._period = period
        self._mode, self._delay = Mode.PASS, 0.0
        self._opened: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._steady = threading.Event()
        # Bound and not listening: keeps the port ours while connections to it are refused.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind((HOST, 0))
        self.port: int = self._place.getsockname()[1]
        self._listening: socket.socket | None = None
        self._flaps: threading.Thread | None = None
        self._listen()

    def set(self, mode: Mode, *, delay: float = 0.0) -> None:
        """From now on. `delay` is in seconds, for each piece either way, where it is slow."""
        self._steady.set()
        if self._flaps is not None:
            self._flaps.join()
            self._flaps = None
        self._turn(mode, delay)
        if mode is Mode.FLAPPING:
            self._steady.clear()
            self._flaps = threading.Thread(target=self._flap, daemon=True)
            self._flaps.start()

    def close(self) -> None:
        self.set(Mode.DOWN)
        self._place.close()

    def _flap(self) -> None:
        turns = (Mode.DOWN, Mode.PASS)
        count = 0
        while not self._steady.is_set():
            self._turn(turns[count % 2], 0.0)
            self._steady.wait(self._period)
            count += 1

    def _turn(self, mode: Mode, delay: float) -> None:
        self._mode, self._delay = mode, delay
        if mode is Mode.DOWN:
            self._refuse()
        elif self._listening is None:
            self._listen()

    def _listen(self) -> None:
        self._listening = socket.create_server((HOST, self.port), backlog=128)
        threading.Thread(target=self._serve, args=(self._listening,), daemon=True).start()

    def _refuse(self) -> None:
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        with self._lock:
            opened = list(self._opened)
        for each in opened:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, self._reach() as server:
            pair = {client, server}
            with self._lock:
                self._opened |= pair
            try:
                if self._mode is not Mode.DOWN:  # else it went down in between
                    back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                    back.start()
                    self._pump(client, server)
                    back.join()
            finally:
                with self._lock:
                    self._opened -= pair

    def _reach(self) -> socket.socket:
        """One that leads nowhere where the server is not there."""
        server = socket.socket(socket.AF_INET if isinstance(self._target, int) else socket.AF_UNIX)
        with contextlib.suppress(OSError):
            server.connect((HOST, self._target) if isinstance(self._target, int) else self._target)
        return server

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        """Until the source says that no more comes; then the target is told. A connection on which
        something went wrong ends both ways."""
        how = socket.SHUT_RDWR
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._mode is Mode.WRONG:
                    source.sendall(GARBAGE)
                    break
                if self._delay:
                    time.sleep(self._delay)
                target.sendall(data)
            else:
                how = socket.SHUT_WR
        with contextlib.suppress(OSError):
            target.shutdown(how)
        if how is socket.SHUT_RDWR:
            with contextlib.suppress(OSError):
                source.shutdown(how)
