"""However witnesses answer, the log's own checkpoint is never worse off for having asked."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from structlog.testing import capture_logs

from audit.proofs.cosignature import Cosigner, cosignatures
from audit.proofs.keys import generate_signer
from audit.witness import client as module
from audit.witness.client import Witnesses
from audit.witness.config import Peer
from audit.witness.metrics import ANSWERS
from audit.witness.witness import SIZE_TYPE, Witness
from tests.audit.witness.logs import Log
from tests.audit.witness.serving import Answer, answering, served

Asking = Callable[..., Witnesses]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[bytes], Answer]], str]]:
    with ExitStack() as servers:
        yield lambda answer: servers.enter_context(served(answer))


@pytest.fixture
def asking(serve: Callable[..., str], witness: Witness) -> Asking:
    """Us, asking one witness, by the key of `witness`, which answers in the given way."""

    def make(answer: Callable[[bytes], Answer], **options: float) -> Witnesses:
        peer = Peer(serve(answer), witness.cosigner.verifier)
        return Witnesses([peer], **{"timeout": 2.0, **options})

    return make


def cosign(witnesses: Witnesses, log: Log, size: int, *, old: int = 0) -> str:
    return witnesses.cosign(
        log.note(size), old_size=old, proof=lambda known: log.proof(known, size)
    )


def counted(witnesses: Witnesses, outcome: str) -> float:
    name = witnesses.peers[0].verifier.name
    return ANSWERS.labels(name, outcome)._value.get()


def test_a_cosignature_is_verified_and_appended(
    asking: Asking, witness: Witness, the_log: Log
) -> None:
    witnesses = asking(answering(witness))
    note = cosign(witnesses, the_log, 5)
    assert note.startswith(the_log.note(5))
    (found,) = cosignatures(note, [witness.cosigner.verifier])
    assert note == the_log.note(5) + f"{found.line}\n"


def test_checkpoint_after_checkpoint(asking: Asking, witness: Witness, the_log: Log) -> None:
    witnesses = asking(answering(witness))
    for size in range(1, 40):
        note = cosign(witnesses, the_log, size, old=size - 1)
        assert cosignatures(note, [witness.cosigner.verifier])


def test_it_learns_what_the_witness_has(asking: Asking, witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 9))
    witnesses = asking(answering(witness))
    assert cosignatures(cosign(witnesses, the_log, 30, old=29), [witness.cosigner.verifier])


def test_several_are_asked_at_once(the_log: Log, witness: Witness, serve: object) -> None:
    together = threading.Barrier(3)

    def wait(_body: bytes) -> Answer:
        together.wait(5)
        return 500, "text/plain", b""

    keys = [Cosigner(generate_signer(f"w{number}")).verifier for number in range(3)]
    witnesses = Witnesses([Peer(serve(wait), key) for key in keys], timeout=2)
    assert cosign(witnesses, the_log, 5) == the_log.note(5)
    assert not together.broken


def other_key(witness: Witness, log: Log) -> bytes:
    cosigner = Cosigner(generate_signer(witness.cosigner.signer.name))
    return f"{cosigner.cosign(log.checkpoint(5), at=1_700_000_000).line}\n".encode()


def other_tree(witness: Witness, log: Log) -> bytes:
    return f"{witness.cosigner.cosign(log.checkpoint(6), at=1_700_000_000).line}\n".encode()


def from_the_future(witness: Witness, log: Log) -> bytes:
    line = witness.cosigner.cosign(log.checkpoint(5), at=int(time.time()) + 3600).line
    return f"{line}\n".encode()


def with_more_text(witness: Witness, log: Log) -> bytes:
    right = witness.cosigner.cosign(log.checkpoint(5), at=1_700_000_000).line
    return f"an extension\n\n{right}\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        other_key,
        other_tree,
        from_the_future,
        with_more_text,
        lambda _witness, _log: b"",
        lambda _witness, _log: b"\xff\xfe\n\n\n",
        lambda _witness, _log: b"<html>OK</html>",
        lambda _witness, _log: b"x" * 1_000_000,
    ],
)
def test_garbage_and_wrong_signatures_are_never_appended(
    asking: Asking, witness: Witness, the_log: Log, body: Callable[[Witness, Log], bytes]
) -> None:
    witnesses = asking(lambda _body: (200, "text/plain", body(witness, the_log)))
    with capture_logs() as logs:
        assert cosign(witnesses, the_log, 5) == the_log.note(5)
    (entry,) = logs
    assert entry["event"] == "witness_answered"
    assert entry["outcome"] in {"invalid", "unreachable"}


def test_lines_by_other_keys_are_left_out(asking: Asking, witness: Witness, the_log: Log) -> None:
    right = witness.cosigner.cosign(the_log.checkpoint(5), at=1_700_000_000).line
    body = other_key(witness, the_log) + f"{right}\n".encode()
    note = cosign(asking(lambda _body: (200, "text/plain", body)), the_log, 5)
    assert note == the_log.note(5) + f"{right}\n"


@pytest.mark.parametrize("status", [204, 301, 307, 400, 403, 404, 413, 429, 500, 503])
def test_a_witness_that_refuses_does_no_harm(
    asking: Asking, witness: Witness, the_log: Log, status: int
) -> None:
    line = witness.cosigner.cosign(the_log.checkpoint(5), at=1_700_000_000).line
    witnesses = asking(lambda _body: (status, "text/plain", f"{line}\n".encode()))
    before = counted(witnesses, "refused")
    assert cosign(witnesses, the_log, 5) == the_log.note(5)
    assert counted(witnesses, "refused") == before + 1


def test_a_slow_witness_costs_one_wait(asking: Asking, the_log: Log) -> None:
    stuck = threading.Event()

    def answer(_body: bytes) -> Answer:
        stuck.wait(10)
        return 200, "text/plain", b""

    witnesses = asking(answer, timeout=0.3)
    begun = time.monotonic()
    for size in range(1, 20):
        assert cosign(witnesses, the_log, size) == the_log.note(size)
    assert 0.3 <= time.monotonic() - begun < 1.5
    stuck.set()


def test_one_that_answers_byte_by_byte_is_slow_too(the_log: Log, witness: Witness) -> None:
    """Each read is quick, so that no timeout of a socket ever strikes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                while not ended.is_set():
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return
                    time.sleep(0.02)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/witness"
        witnesses = Witnesses([Peer(url, witness.cosigner.verifier)], timeout=0.3)
        begun = time.monotonic()
        assert cosign(witnesses, the_log, 5) == the_log.note(5)
        assert time.monotonic() - begun < 1
        exchange = witnesses.standings[0].running
        assert exchange is not None
        assert exchange.wait(2), "the connection was cut, so the thread ends"
        ended.set()
        thread.join(5)


def test_one_that_cannot_be_reached_does_no_harm(the_log: Log, witness: Witness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    witnesses = Witnesses([Peer(f"http://127.0.0.1:{port}", witness.cosigner.verifier)])
    with capture_logs() as logs:
        assert cosign(witnesses, the_log, 5) == the_log.note(5)
        assert cosign(witnesses, the_log, 6) == the_log.note(6)
    assert [entry["outcome"] for entry in logs] == ["unreachable"]


def test_one_that_failed_is_asked_in_the_background_until_it_is_back(
    asking: Asking, witness: Witness, the_log: Log
) -> None:
    is_broken = True

    def answer(body: bytes) -> Answer:
        return (500, "text/plain", b"") if is_broken else answering(witness)(body)

    witnesses = asking(answer, retry_after=0)
    (standing,) = witnesses.standings
    assert cosign(witnesses, the_log, 1) == the_log.note(1)
    is_broken = False
    assert cosign(witnesses, the_log, 2) == the_log.note(2), "nobody waited for that one"
    assert standing.running is not None
    assert standing.running.wait(2)
    assert cosignatures(cosign(witnesses, the_log, 3), [witness.cosigner.verifier])


def test_it_is_not_asked_again_right_away(asking: Asking, the_log: Log) -> None:
    asked = []

    def answer(body: bytes) -> Answer:
        asked.append(body)
        return 500, "text/plain", b""

    witnesses = asking(answer, retry_after=60)
    for size in range(1, 10):
        cosign(witnesses, the_log, size)
    assert len(asked) == 1


def test_a_witness_that_has_seen_more_than_we_have_raises_the_alarm(
    asking: Asking, witness: Witness, the_log: Log
) -> None:
    """We are a restored backup, or somebody else signs with our key."""
    witness.add_checkpoint(the_log.request(0, 30))
    with capture_logs() as logs:
        assert cosign(asking(answering(witness)), the_log, 20) == the_log.note(20)
    (entry,) = logs
    assert (entry["outcome"], entry["log_level"]) == ("ahead", "critical")


@pytest.mark.parametrize("size", [12, 20])
def test_a_witness_that_has_seen_another_past_raises_the_alarm(
    asking: Asking, witness: Witness, the_log: Log, size: int
) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    fork = the_log.fork(kept=7)
    with capture_logs() as logs:
        assert cosign(asking(answering(witness)), fork, size) == fork.note(size)
    entry = logs[-1]
    assert (entry["outcome"], entry["log_level"]) == ("forked", "critical")


def test_a_size_that_is_none_is_a_refusal(asking: Asking, the_log: Log) -> None:
    for body in (b"", b"05\n", b"-1\n", b"\xff"):
        witnesses = asking(lambda _body, said=body: (409, SIZE_TYPE, said))
        assert cosign(witnesses, the_log, 5) == the_log.note(5)


def test_a_witness_that_never_agrees_on_a_size_is_asked_twice(asking: Asking, the_log: Log) -> None:
    asked = []

    def answer(_body: bytes) -> Answer:
        asked.append(1)
        return 409, SIZE_TYPE, b"%d\n" % len(asked)

    assert cosign(asking(answer), the_log, 30) == the_log.note(30)
    assert len(asked) == 2


def test_whatever_goes_wrong_on_our_side_the_note_stands(
    asking: Asking, witness: Witness, the_log: Log
) -> None:
    def broken(_old: int) -> list[bytes]:
        raise RuntimeError("no tiles")

    witnesses = asking(answering(witness))
    with capture_logs() as logs:
        assert witnesses.cosign(the_log.note(5), old_size=3, proof=broken) == the_log.note(5)
    assert [entry["event"] for entry in logs] == ["witnesses_failed"]


def test_without_witnesses_nothing_is_asked(the_log: Log) -> None:
    assert Witnesses([]).cosign("anything", old_size=0, proof=lambda _old: []) == "anything"


def test_the_witnesses_of_the_settings_are_asked(
    serve: Callable[..., str], witness: Witness, the_log: Log, settings: Any
) -> None:
    settings.WITNESSES = [f"{serve(answering(witness))} {witness.cosigner.verifier.vkey}"]
    for size in (4, 9):
        note = module.cosign(
            the_log.note(size), old_size=0, proof=lambda old, to=size: the_log.proof(old, to)
        )
        assert cosignatures(note, [witness.cosigner.verifier])


def test_malformed_settings_do_not_keep_the_log_from_signing(the_log: Log, settings: Any) -> None:
    settings.WITNESSES = ["nonsense"]
    with capture_logs() as logs:
        assert module.cosign(the_log.note(4), old_size=0, proof=lambda _old: []) == the_log.note(4)
    assert [entry["event"] for entry in logs] == ["witnesses_misconfigured"]
