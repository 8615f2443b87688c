"""OTLP/HTTP logs in its JSON encoding, without a dependency on the exporter.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: identifiers in hexadecimal, 64-bit integers as
strings, enums as numbers. A 200 is the acknowledgement of the whole request.
"""

import gzip
import json
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from typing import Any

import structlog

from audit.journal.ship.delivery import NotDelivered, Record, Weight, deliver
from audit.journal.ship.tls import Tls
from portal.lib.resilience import http

log = structlog.get_logger(__name__)

RETRYABLE = {429, 502, 503, 504}
SEVERITY = {
    Weight.ROUTINE: (9, "INFO"),
    Weight.NOTABLE: (10, "INFO2"),
    Weight.WARNING: (13, "WARN"),
    Weight.DAMAGED: (17, "ERROR"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Otlp:
    def __init__(
        self,
        host: str,
        port: int,
        *,
        path: str = "/v1/logs",
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._tls = tls
        self._headers = {
            **(headers or {}),
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }

    def send(self, records: list[Record]) -> None:
        body = gzip.compress(json.dumps(request(records)).encode(), compresslevel=5, mtime=0)
        reply = deliver(lambda timeout: self._post(body, timeout))
        if reply.status != HTTPStatus.OK:
            raise NotDelivered(
                f"HTTP {reply.status}",
                retry_after=reply.retry_after,
                is_final=reply.status not in RETRYABLE,
                is_long=reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        _tell_rejected(reply.body)

    def _post(self, body: bytes, timeout: float) -> http.Reply:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return http.request(
            "POST",
            f"http://{host}:{self._port}{self._path}",
            timeout=timeout,
            body=body,
            headers=self._headers,
            wrap=self._tls.wrap if self._tls else None,
        )


def request(records: Iterable[Record]) -> dict[str, Any]:
    """An `ExportLogsServiceRequest`; each writer is a resource of its own."""
    by_writer = groupby(records, key=lambda record: record.name.writer)
    return {"resourceLogs": [_resource(writer, each) for writer, each in by_writer]}


def _resource(writer: str, records: Iterable[Record]) -> dict[str, Any]:
    resource = {
        "service.name": "vigil",
        "service.instance.id": writer,
        "host.name": socket.gethostname(),
    }
    logs = {"scope": {"name": "vigil.journal"}, "logRecords": [_log(each) for each in records]}
    return {"resource": {"attributes": _attributes(resource)}, "scopeLogs": [logs]}


def _log(record: Record) -> dict[str, Any]:
    number, text = SEVERITY[record.weight]
    known: dict[str, str | int] = {"log.file.name": record.name.path.name}
    fields: dict[str, Any] = {}
    if record.found:
        known |= {"vigil.seq": record.found.seq, "vigil.sha256": record.found.digest}
        fields["timeUnixNano"] = _nanoseconds(datetime.fromisoformat(record.found.at))
        trace = record.found.fields.get("trace_id")
        if isinstance(trace, str) and len(trace) == 32:  # noqa: PLR2004 - as its proto says
            fields["traceId"] = trace
    return {
        **fields,
        "observedTimeUnixNano": _nanoseconds(datetime.now(UTC)),
        "severityNumber": number,
        "severityText": text,
        "eventName": f"vigil.journal.{record.kind}",
        "body": {"stringValue": record.text},
        "attributes": _attributes(known),
    }


def _attributes(values: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
    ]


def _nanoseconds(at: datetime) -> str:
    return str((at - EPOCH) // timedelta(microseconds=1) * 1000)


def _tell_rejected(answer: bytes) -> None:
    """What a receiver takes only in part must not be sent again, says the protocol. The lines stay
    in the file, and the gap in their numbers shows in the central log."""
    try:
        partial = json.loads(answer or b"{}").get("partialSuccess") or {}
        rejected = int(partial.get("rejectedLogRecords", 0))
    except (ValueError, AttributeError, TypeError):
        return
    if rejected:
        log.critical("journal_ship_rejected", lines=rejected, reason=partial.get("errorMessage"))
