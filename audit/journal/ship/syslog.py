"""Syslog over TCP or TLS: RFC 5424 messages in octet-counted frames (RFC 6587 §3.4.1, RFC 5425 §4.3).

Syslog acknowledges nothing, so each batch has a connection of its own, and the acknowledgement is
how it ends. We say that no more comes; a receiver that has read everything closes its side without a
word, while one that closes, crashes or is cut off with something unread resets the connection. With TLS it also
answers our close_notify, as RFC 5425 §4.4 demands, which nobody on the way can forge.
"""

import re
import socket

from audit.journal.ship.delivery import Record, Weight, deliver
from audit.journal.ship.tls import Tls

LOG_AUDIT = 13
SEVERITY = {Weight.ROUTINE: 6, Weight.NOTABLE: 5, Weight.WARNING: 4, Weight.DAMAGED: 2}
EXAMPLE_ENTERPRISE = 32473
"""For who has no private enterprise number of their own (RFC 5612)."""
BOM = "\ufeff"
CHUNK = 4096


class Syslog:
    def __init__(
        self, host: str, port: int, *, tls: Tls | None = None, enterprise: int = EXAMPLE_ENTERPRISE
    ) -> None:
        self._address = (host, port)
        self._tls = tls
        self._enterprise = enterprise
        self._hostname = _header(socket.gethostname(), 255)

    def send(self, records: list[Record]) -> None:
        frames = b"".join(frame(self.message(record)) for record in records)
        deliver(lambda timeout: self._send(frames, timeout))

    def _send(self, frames: bytes, timeout: float) -> None:
        with socket.create_connection(self._address, timeout) as opened:
            if self._tls is None:
                opened.sendall(frames)
                _await_end(opened)
                return
            with self._tls.wrap(opened) as wrapped:
                wrapped.sendall(frames)
                wrapped.unwrap()
                # From here on the bare connection, to see how it ends.
                _await_end(wrapped)

    def message(self, record: Record) -> bytes:
        """One message, like `<110>1 2026-02-12T18:30:00.000000Z host vigil 6f1c… intent [vigil@…
        writer="…" seq="2" sha256="…"] {…}`, its text UTF-8 and marked as such."""
        found = record.found
        header = " ".join(
            [
                f"<{LOG_AUDIT * 8 + SEVERITY[record.weight]}>1",
                found.at if found else "-",
                self._hostname,
                "vigil",
                record.name.writer,
                _header(record.kind, 32),
            ]
        )
        known = {"file": record.name.path.name, "writer": record.name.writer}
        if found:
            known |= {"seq": str(found.seq), "sha256": found.digest}
        parameters = " ".join(f'{name}="{_escaped(value)}"' for name, value in known.items())
        return f"{header} [vigil@{self._enterprise} {parameters}] {BOM}{record.text}".encode()


def frame(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


def _await_end(opened: socket.socket) -> None:
    opened.shutdown(socket.SHUT_WR)
    # Nobody who takes syslog says anything: whoever does is somebody else, and has kept nothing.
    if said := opened.recv(CHUNK):
        raise ConnectionError(f"what listens there is no syslog receiver: it says {said[:40]!r}")


def _header(value: str, longest: int) -> str:
    return re.sub(r"[^\x21-\x7e]", "_", value)[:longest] or "-"


def _escaped(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", value)
