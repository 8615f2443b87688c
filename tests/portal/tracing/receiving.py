"""A collector: takes OTLP/HTTP in protobuf on a real socket, and reads it as the protocol says."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.stack.waiting import wait_until

KINDS = {Wire.SPAN_KIND_SERVER: "server", Wire.SPAN_KIND_CLIENT: "client"}
KINDS[Wire.SPAN_KIND_CONSUMER] = "consumer"


@dataclass(frozen=True)
class Got:
    service: str
    kind: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str | int]
    is_failed: bool
    wire: Wire

    @property
    def everything(self) -> str:
        return str(self.wire)


class Receiver:
    """`status` is what it answers; it keeps what it took. `rejected` of each request it does not
    want."""

    def __init__(self) -> None:
        self.status, self.rejected = 200, 0
        self.spans: list[Got] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hold.wait(20)
                answer = receiver.take(self.path, dict(self.headers), body)
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_args: Any) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # Who was held up has given up, and is not there to be answered.
        self._server.handle_error = lambda *_args: None  # type: ignore[method-assign] # its log is not ours
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        self.paths.append(path)
        self.headers.append(headers)
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.status == 200:
            self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
        partial = ExportTracePartialSuccess(rejected_spans=self.rejected)
        return ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    def wait_for(self, *conditions: Callable[[list[Got]], object], timeout: float = 10) -> None:
        for condition in conditions:
            wait_until(lambda each=condition: each(list(self.spans)), timeout=timeout)

    def named(self, name: str) -> Got:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Got]:
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Got(
                    service=str(service),
                    kind=KINDS[span.kind],
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    attributes=_attributes(span.attributes),
                    is_failed=span.status.code == Status.STATUS_CODE_ERROR,
                    wire=span,
                )


def _attributes(found: Any) -> dict[str, str | int]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in found}


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
