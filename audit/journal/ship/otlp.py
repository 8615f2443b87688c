"""OTLP/HTTP logs in its JSON encoding, without a dependency on the exporter.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: identifiers in hexadecimal, 64-bit integers as
strings, enums as numbers. A 200 is the acknowledgement of the whole request.
"""

import gzip
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import structlog

from audit.journal.ship.delivery import NotDelivered, Record, Weight
from audit.journal.ship.tls import Tls

log = structlog.get_logger(__name__)

TIMEOUT = 10.0
LONGEST_ANSWER = 65_536
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
        connection = _Connection(self._host, self._port, self._tls)
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            answer = response.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise NotDelivered(
                f"HTTP {response.status}",
                retry_after=_seconds(response.headers.get("Retry-After", "")),
                is_final=response.status not in RETRYABLE,
                is_long=response.status == http.client.REQUEST_ENTITY_TOO_LARGE,
            )
        _tell_rejected(answer)


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, port: int, tls: Tls | None) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._tls = tls

    def connect(self) -> None:
        opened = socket.create_connection((self.host, self.port), TIMEOUT)
        self.sock = self._tls.wrap(opened) if self._tls else opened


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


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), 3600) if retry_after.isdecimal() else 0


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
