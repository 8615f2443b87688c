"""Receivers on this machine that hold a sender to the letter of its protocol."""

import gzip
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

# RFC 5424 §6, as this sender may use it: structured data always, text always marked as UTF-8.
MESSAGE = re.compile(
    rb"<(?P<pri>[1-9]\d{0,2})>1 (?P<timestamp>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z)"
    rb" (?P<hostname>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<procid>[!-~]{1,128})"
    rb' (?P<msgid>[!-~]{1,32}) \[(?P<id>[!-<>-\\^-~]{1,32})(?P<params>(?: [!#-<>-\\^-~]{1,32}="'
    rb'(?:[^"\\\]]|\\["\\\]])*")*)\] \xef\xbb\xbf(?P<text>.*)',
    re.DOTALL,
)
PARAM = re.compile(r' ([^ =]+)="((?:[^"\\\]]|\\["\\\]])*)"')
LENGTH = re.compile(rb"[1-9][0-9]{0,6}")


@dataclass
class Message:
    pri: int
    timestamp: str
    procid: str
    msgid: str
    data: dict[str, str]
    text: str


def parse_message(raw: bytes) -> Message:
    match = MESSAGE.fullmatch(raw)
    assert match, raw[:300]
    data = {
        name: re.sub(r'\\(["\\\]])', r"\1", value)
        for name, value in PARAM.findall(match["params"].decode())
    }
    return Message(
        int(match["pri"]),
        match["timestamp"].decode(),
        match["procid"].decode(),
        match["msgid"].decode(),
        data,
        match["text"].decode(),
    )


class Closed(Exception):
    """The sender has said that no more comes."""


class SyslogReceiver:
    """Takes octet-counted frames and closes a connection when it has read all of it.

    `limit`: after so many octets, in the middle of whatever that is, it resets the connection.
    `is_deaf`: it takes the bytes off the connection and closes without being asked to.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, patience: float = 5) -> None:
        self._patience = patience
        self.messages: list[Message] = []
        self.errors: list[str] = []
        self.connections = 0
        self.limit: int | None = None
        self.answers_close_notify = True
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            opened.settimeout(self._patience)
            self.connections += 1
            try:
                self._receive(opened)
            except OSError as error:
                self.errors.append(str(error))
            finally:
                opened.close()

    def _receive(self, opened: socket.socket) -> None:
        secure = self._tls.wrap_socket(opened, server_side=True) if self._tls else None
        source = secure or opened
        left = self.limit

        def octets(count: int) -> bytes:
            nonlocal left
            if left is not None and count > left:
                source.recv(left) if left else None
                # With this option, closing resets the connection.
                linger = struct.pack("ii", 1, 0)
                source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                source.close()
                raise ConnectionAbortedError("the limit is reached")
            found = b""
            while len(found) < count:
                chunk = source.recv(count - len(found))
                if not chunk:
                    raise Closed if not found else EOFError
                found += chunk
            if left is not None:
                left -= count
            return found

        try:
            while True:
                self.messages.append(parse_message(self._frame(octets)))
        except Closed:
            if secure and self.answers_close_notify:
                secure.unwrap()
        except (AssertionError, EOFError) as error:
            self.errors.append(repr(error))
        finally:
            source.close()

    def _frame(self, octets: Callable[[int], bytes]) -> bytes:
        length = b""
        while (octet := octets(1)) != b" ":
            length += octet
            assert LENGTH.fullmatch(length), length
        return octets(int(length))


# What may stand in an OTLP/HTTP logs request in JSON, and of which type it is.
SHAPES: dict[str, dict[str, Any]] = {
    "request": {"resourceLogs": ["resourceLogs"]},
    "resourceLogs": {"resource": "resource", "scopeLogs": ["scopeLogs"]},
    "resource": {"attributes": ["attribute"]},
    "scopeLogs": {"scope": "scope", "logRecords": ["logRecord"]},
    "scope": {"name": str},
    "logRecord": {
        "timeUnixNano": r"\d{19}",
        "observedTimeUnixNano": r"\d{19}",
        "severityNumber": int,
        "severityText": str,
        "eventName": str,
        "body": "value",
        "attributes": ["attribute"],
        "traceId": r"[0-9a-fA-F]{32}",
    },
    "attribute": {"key": str, "value": "value"},
    "value": {"stringValue": str, "intValue": r"-?\d+"},
}


def check_shape(found: object, shape: str) -> None:
    assert isinstance(found, dict), (shape, found)
    for name, value in found.items():
        assert name in SHAPES[shape], f"{shape} has no {name}"
        expected = SHAPES[shape][name]
        if isinstance(expected, list):
            assert isinstance(value, list)
            assert value, f"an empty {name}"
            for each in value:
                check_shape(each, expected[0])
        elif isinstance(expected, type):
            assert type(value) is expected, (name, value)
        elif expected in SHAPES:
            check_shape(value, expected)
        else:
            assert isinstance(value, str), f"{name} is a 64-bit integer or bytes: {value!r}"
            assert re.fullmatch(expected, value), (name, value)
    if shape == "value":
        assert len(found) == 1


@dataclass
class Answer:
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class OtlpReceiver:
    """Answers with what is in `answers`, one each, and then with success."""

    def __init__(self, tls: ssl.SSLContext | None = None, largest: int = 1 << 30) -> None:
        self.records: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.errors: list[str] = []
        self.answers: list[Answer] = []
        self.largest = largest
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = receiver.answer(self)
                body = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps quiet."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> Answer:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        try:
            assert handler.path == "/v1/logs"
            assert handler.headers["Content-Type"] == "application/json"
            assert handler.headers["Content-Encoding"] == "gzip"
            request = json.loads(gzip.decompress(raw))
            check_shape(request, "request")
        except (AssertionError, ValueError) as error:
            self.errors.append(repr(error))
            return Answer(400, {"message": repr(error)})
        logs = [
            record
            for resource in request["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]
        if len(logs) > self.largest:
            return Answer(413)
        answer = self.answers.pop(0) if self.answers else Answer()
        self.headers.append(dict(handler.headers))
        if answer.status == 200:
            self.requests.append(request)
            self.records += logs
        return answer
