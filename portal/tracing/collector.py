"""Sends spans to the collector as OTLP/HTTP in protobuf, by the policy `trace-collector`.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. The ready-made exporter would call out of the
process around the policies, with retries and timeouts of its own.
"""

import gzip
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan

from audit.journal.ship.tls import Tls
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Refused, call, http
from portal.tracing.configuration import Traces
from portal.tracing.counters import LOST, SENT

TAKEN = (HTTPStatus.OK, HTTPStatus.ACCEPTED)

log = structlog.get_logger(__name__)


class Collector:
    """Raises `ImproperlyConfigured` for certificates that do not load."""

    def __init__(self, traces: Traces) -> None:
        self._url, self._is_compressed = traces.url, traces.is_compressed
        self._headers = {**traces.headers, "Content-Type": "application/x-protobuf"}
        if self._is_compressed:
            self._headers["Content-Encoding"] = "gzip"
        self._tls = _tls(traces)
        self._is_failing = False

    def export(self, batch: Sequence[ReadableSpan]) -> None:
        body = encode_spans(batch).SerializeToString()
        if self._is_compressed:
            body = gzip.compress(body, compresslevel=5, mtime=0)
        try:
            reply = call("trace-collector", lambda timeout: self._post(body, timeout)).value
        except (ApiTimeout, CircuitOpen, Refused) as failure:
            LOST.labels("export_failed").inc(len(batch))
            self._tell(f"{failure.__cause__ or failure}")
            return
        rejected = _rejected(reply.body)
        LOST.labels("rejected").inc(rejected)
        SENT.inc(len(batch) - rejected)
        self._tell("")

    def _post(self, body: bytes, timeout: float) -> http.Reply:
        return http.request(
            "POST",
            self._url,
            timeout=timeout,
            body=body,
            headers=self._headers,
            wrap=self._tls.wrap if self._tls else None,
        ).expect(*TAKEN)

    def _tell(self, error: str) -> None:
        """Once as it begins and once as it ends; the metric counts the rest."""
        if error and not self._is_failing:
            log.warning("traces_not_exported", error=error)
        elif self._is_failing and not error:
            log.info("traces_exported_again")
        self._is_failing = bool(error)


def _tls(traces: Traces) -> Tls | None:
    """Our own, also where no file is named: then with the system's authorities."""
    parts = urlsplit(traces.url)
    if parts.scheme != "https":
        return None
    try:
        return Tls.of(traces.tls, parts.hostname or "")
    except (OSError, ValueError) as error:
        msg = f"OTEL_EXPORTER_OTLP_CERTIFICATE, or the client's, cannot be used: {error}"
        raise ImproperlyConfigured(msg) from None


def _rejected(body: bytes) -> int:
    """How many of them the collector took but did not want, which it says in its answer."""
    try:
        return int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
    except DecodeError:
        return 0
