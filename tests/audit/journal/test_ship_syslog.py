"""Syslog over TCP and TLS, against a receiver that takes every octet literally."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.journal import names
from audit.journal.ship.delivery import NotDelivered, Record
from audit.journal.ship.destination import Destination
from audit.journal.ship.syslog import Syslog, frame
from audit.journal.writer import Writer
from tests.audit.journal.authority import Authority, Issued
from tests.audit.journal.reading import WHAT, lines, paths
from tests.audit.journal.receivers import SyslogReceiver, parse_message


def records(directory: Path) -> list[Record]:
    name = names.files(directory)[0]
    return [Record(name, each.raw, each) for each in lines(directory)]


@pytest.fixture
def some(writer: Writer) -> list[Record]:
    for event_id in range(20):
        writer.intent(event_id=event_id, **WHAT)
    return records(writer.directory)


@pytest.fixture
def receiver() -> Iterator[SyslogReceiver]:
    with SyslogReceiver() as running:
        yield running
    assert running.errors == []


def test_each_line_is_one_message(some: list[Record], receiver: SyslogReceiver) -> None:
    Syslog("127.0.0.1", receiver.port).send(some)
    assert [message.text.encode() for message in receiver.messages] == [each.raw for each in some]


def test_a_message_carries_what_a_receiver_needs_to_tell_it_again(
    some: list[Record], receiver: SyslogReceiver
) -> None:
    Syslog("127.0.0.1", receiver.port).send(some)
    message, record = receiver.messages[1], some[1]
    assert record.found is not None
    assert message.pri == 13 * 8 + 6
    assert message.timestamp == record.found.at
    assert message.procid == record.found.writer
    assert message.msgid == "intent"
    assert message.data == {
        "file": record.name.path.name,
        "writer": record.found.writer,
        "seq": "2",
        "sha256": record.found.digest,
    }


def test_text_of_any_kind_arrives_as_it_is(writer: Writer, receiver: SyslogReceiver) -> None:
    target = 'naïve "quoted" \\ ]] \n\u2028 \U0001f680'
    writer.intent(**{**WHAT, "target": target})
    Syslog("127.0.0.1", receiver.port).send(records(writer.directory))
    assert json.loads(receiver.messages[-1].text)["target"] == target


def test_bytes_that_are_no_line_are_sent_as_evidence(writer: Writer) -> None:
    writer.preflight()
    [path] = paths(writer.directory)
    name = names.parse(path)
    assert name is not None
    message = parse_message(Syslog("127.0.0.1", 1).message(Record(name, b"\xff]\0", None)))
    assert (message.pri, message.timestamp, message.msgid) == (13 * 8 + 2, "-", "damaged")
    assert message.text == "\\xff]\0"


def test_an_own_enterprise_number_may_be_given(some: list[Record]) -> None:
    assert b" [vigil@4711 " in Syslog("127.0.0.1", 1, enterprise=4711).message(some[0])


def test_octets_are_counted_not_characters() -> None:
    assert frame("é".encode()) == b"2 \xc3\xa9"


def test_a_receiver_that_is_not_there_is_a_failure(some: list[Record]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        Syslog("127.0.0.1", port).send(some)


@pytest.mark.parametrize("limit", [0, 1, 500, 4000])
def test_a_connection_cut_in_the_middle_of_a_frame_is_a_failure(
    some: list[Record], limit: int
) -> None:
    with SyslogReceiver() as receiver:
        receiver.limit = limit
        with pytest.raises(NotDelivered):
            Syslog("127.0.0.1", receiver.port).send(some)
        receiver.limit = None
        Syslog("127.0.0.1", receiver.port).send(some)
    received = [message.text.encode() for message in receiver.messages]
    assert received[-len(some) :] == [each.raw for each in some]


def test_whoever_answers_is_no_receiver(some: list[Record]) -> None:
    """A web server, say, that reads everything, and closes in good order."""

    def answer() -> None:
        with listening, listening.accept()[0] as opened:
            while opened.recv(65536):
                continue
            opened.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(NotDelivered, match="no syslog receiver"):
        Syslog("127.0.0.1", listening.getsockname()[1]).send(some)
    thread.join()


def test_a_receiver_that_goes_before_it_has_read_all_is_a_failure(some: list[Record]) -> None:
    """The bytes had reached its machine, so that the connection itself has nothing to complain of."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        opened: list[socket.socket] = []

        def accept_and_go() -> None:
            connection, _ = listening.accept()
            connection.recv(100)
            opened.append(connection)
            connection.close()

        thread = threading.Thread(target=accept_and_go)
        thread.start()
        with pytest.raises(NotDelivered):
            Syslog("127.0.0.1", listening.getsockname()[1]).send(some)
        thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("logs.example.org")


def over_tls(receiver: SyslogReceiver, **options: object) -> Destination:
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return Destination.parse(f"syslog+tls://127.0.0.1:{receiver.port}?{query}")


def test_tls_with_an_own_authority(
    some: list[Record], authority: Authority, issued: Issued
) -> None:
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        over_tls(receiver, ca=authority.certificate).transport.send(some)
    assert receiver.errors == []
    assert [message.text.encode() for message in receiver.messages] == [each.raw for each in some]


def test_tls_for_a_name(some: list[Record], authority: Authority, issued: Issued) -> None:
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        over_tls(receiver, ca=authority.certificate, name="logs.example.org").transport.send(some)
        with pytest.raises(NotDelivered, match=r"not valid for 'logs\.example\.com'"):
            wrong = over_tls(receiver, ca=authority.certificate, name="logs.example.com")
            wrong.transport.send(some)
    assert len(receiver.messages) == len(some)


def test_tls_by_an_authority_that_is_not_ours_is_refused(
    some: list[Record], authority: Authority, issued: Issued
) -> None:
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
            over_tls(receiver).transport.send(some)
    assert receiver.messages == []


def test_tls_by_fingerprint(some: list[Record], authority: Authority, issued: Issued) -> None:
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        over_tls(receiver, fingerprint=issued.fingerprint).transport.send(some)
        with pytest.raises(NotDelivered, match="another certificate"):
            over_tls(receiver, fingerprint="0" * 64).transport.send(some)
    assert len(receiver.messages) == len(some)


def test_tls_with_a_certificate_of_our_own(
    some: list[Record], authority: Authority, issued: Issued
) -> None:
    ours = authority.issue("vigil.example.org")
    context = authority.server_context(issued, asks_for_client=True)
    with SyslogReceiver(context) as receiver:
        shown = {"cert": ours.certificate, "key": ours.key}
        over_tls(receiver, ca=authority.certificate, **shown).transport.send(some)
        with pytest.raises(NotDelivered):
            over_tls(receiver, ca=authority.certificate).transport.send(some)
    assert len(receiver.messages) == len(some)


def test_tls_that_ends_without_its_closing_word_is_a_failure(
    some: list[Record], authority: Authority, issued: Issued
) -> None:
    """Anybody on the way can end a connection; only the receiver can say that it has read it."""
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        receiver.answers_close_notify = False
        with pytest.raises(NotDelivered):
            over_tls(receiver, ca=authority.certificate).transport.send(some)


@pytest.mark.parametrize("limit", [1, 500])
def test_tls_cut_in_the_middle_of_a_frame_is_a_failure(
    some: list[Record], authority: Authority, issued: Issued, limit: int
) -> None:
    with SyslogReceiver(authority.server_context(issued)) as receiver:
        receiver.limit = limit
        with pytest.raises(NotDelivered):
            over_tls(receiver, ca=authority.certificate).transport.send(some)
