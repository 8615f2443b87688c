"""OTLP/HTTP in JSON, against a receiver that knows what may stand where."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from audit.journal import names
from audit.journal.ship.delivery import NotDelivered, Record
from audit.journal.ship.destination import Destination
from audit.journal.ship.otlp import Otlp, request
from audit.journal.writer import Writer
from tests.audit.journal.authority import Authority
from tests.audit.journal.reading import WHAT, lines
from tests.audit.journal.receivers import Answer, OtlpReceiver, check_shape


@pytest.fixture
def some(writer: Writer) -> list[Record]:
    intent = writer.intent(event_id=2**40, **WHAT)
    intent.committed(event_id=2**40, leaf_hash=b"\0" * 32)
    writer.note("gate_latched", why="a wrong answer")
    name = names.files(writer.directory)[0]
    return [Record(name, each.raw, each) for each in lines(writer.directory)]


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running
    assert running.errors == []


def test_each_line_is_one_record(some: list[Record], receiver: OtlpReceiver) -> None:
    Otlp("127.0.0.1", receiver.port).send(some)
    sent = [record["body"]["stringValue"].encode() for record in receiver.records]
    assert sent == [each.raw for each in some]


def test_a_record_carries_its_trace_its_instant_and_its_place(
    some: list[Record], receiver: OtlpReceiver
) -> None:
    Otlp("127.0.0.1", receiver.port).send(some)
    record, line = receiver.records[1], some[1].found
    assert line is not None
    assert record["traceId"] == WHAT["trace_id"]
    assert record["eventName"] == "vigil.journal.intent"
    assert record["severityNumber"] == 9
    instant = datetime.fromisoformat(line.at)
    assert int(record["timeUnixNano"]) // 1000 == round(instant.timestamp() * 1_000_000)
    attributes = {each["key"]: each["value"] for each in record["attributes"]}
    assert attributes["vigil.seq"] == {"intValue": "2"}
    assert attributes["vigil.sha256"] == {"stringValue": line.digest}


def test_what_others_note_stands_out(some: list[Record]) -> None:
    logs = request(some)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert [record["severityText"] for record in logs] == ["INFO", "INFO", "INFO", "INFO2"]


def test_each_writer_is_a_resource_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        Writer(tmp_path).intent(**WHAT)
    records = [
        Record(name, each.raw, each)
        for name in names.files(tmp_path)
        for each in lines(tmp_path)
        if each.writer == name.writer
    ]
    sent = request(records)
    check_shape(sent, "request")
    assert len(sent["resourceLogs"]) == 2


def test_bytes_that_are_no_line_are_sent_as_evidence(some: list[Record]) -> None:
    sent = request([Record(some[0].name, b"\xff\0", None)])
    check_shape(sent, "request")
    [log] = sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert (log["severityText"], log["body"]["stringValue"]) == ("ERROR", "\\xff\0")
    assert "timeUnixNano" not in log


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_tried_again_is_tried_again(
    some: list[Record], receiver: OtlpReceiver, status: int
) -> None:
    receiver.answers = [Answer(status, headers={"Retry-After": "7"})]
    with pytest.raises(NotDelivered) as failure:
        Otlp("127.0.0.1", receiver.port).send(some)
    assert (failure.value.retry_after, failure.value.is_final) == (7, False)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500])
def test_what_the_receiver_does_not_want_waits_for_a_person(
    some: list[Record], receiver: OtlpReceiver, status: int
) -> None:
    receiver.answers = [Answer(status)]
    with pytest.raises(NotDelivered, match=str(status)) as failure:
        Otlp("127.0.0.1", receiver.port).send(some)
    assert failure.value.is_final


def test_what_is_rejected_in_part_is_said_and_not_sent_again(
    some: list[Record], receiver: OtlpReceiver
) -> None:
    partial = {"rejectedLogRecords": "2", "errorMessage": "too old"}
    receiver.answers = [Answer(body={"partialSuccess": partial})]
    with capture_logs() as logs:
        Otlp("127.0.0.1", receiver.port).send(some)
    assert [(entry["event"], entry["lines"], entry["reason"]) for entry in logs] == [
        ("journal_ship_rejected", 2, "too old")
    ]


def test_headers_go_with_each_request(some: list[Record], receiver: OtlpReceiver) -> None:
    url = f"otlp+http://127.0.0.1:{receiver.port}"
    headers = "Authorization=Bearer%20abc, X-Tenant=vigil"
    Destination.parse(url, headers=headers).transport.send(some)
    assert receiver.headers[0]["Authorization"] == "Bearer abc"
    assert receiver.headers[0]["X-Tenant"] == "vigil"


def test_over_tls(some: list[Record], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(authority.issue("logs.example.org"))
    with OtlpReceiver(context) as receiver:
        url = f"otlp+https://127.0.0.1:{receiver.port}"
        Destination.parse(f"{url}?ca={authority.certificate}").transport.send(some)
        with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
            Destination.parse(url).transport.send(some)
    assert len(receiver.records) == len(some)
