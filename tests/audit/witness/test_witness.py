"""What C2SP tlog-witness asks of a witness, and what it must never be talked into."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import Cosigner, cosignatures
from audit.proofs.keys import generate_signer
from audit.proofs.merkle import EMPTY_ROOT, leaf_hash
from audit.witness.memory import Memory, MemoryUnavailable
from audit.witness.message import add_checkpoint
from audit.witness.witness import SIZE_TYPE, Refused, Witness
from tests.audit.witness import published
from tests.audit.witness.logs import Log


def submit(witness: Witness, body: bytes | str) -> int:
    """The status that the specification has for it."""
    try:
        witness.add_checkpoint(body.encode() if isinstance(body, str) else body)
    except Refused as refused:
        return refused.status
    return 200


def size_known(witness: Witness, origin: str) -> int:
    with witness.memory.of(origin) as recollection:
        latest = recollection.latest()
    return latest.size if latest else 0


def test_it_cosigns_a_log_as_that_grows(witness: Witness, the_log: Log) -> None:
    for old, size in [(0, 1), (1, 3), (3, 3), (3, 8), (8, 40)]:
        line = witness.add_checkpoint(the_log.request(old, size))
        assert line.endswith("\n")
        (found,) = cosignatures(the_log.note(size) + line, [witness.cosigner.verifier])
        assert abs(found.at - time.time()) < 60
    assert size_known(witness, the_log.origin) == 40


def test_the_published_submissions_are_answered_as_published(tmp_path: Path) -> None:
    cosigner = Cosigner(generate_signer("example.com/witness"))
    witness = Witness(cosigner, {published.ORIGIN: [published.LOG]}, Memory(tmp_path))
    good = published.FROM_1_TO_3
    last = "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    answers = [
        (published.FROM_0_TO_1, 200),
        (good.replace("WVrx6go=", "WVrx6gs="), 403),
        (good.replace("ff0309e562", "ff0309e561"), 404),
        (good.replace(f"{last}\n", ""), 422),
        (good.replace(last, published.FROM_3_TO_5.split("\n")[2]), 422),
        (good, 200),
        (published.FROM_1_TO_5, 409),
        (published.FROM_3_TO_5, 200),
    ]
    assert [submit(witness, body) for body, _status in answers] == [s for _body, s in answers]
    assert size_known(witness, published.ORIGIN) == 5


def test_the_example_of_the_specification_is_of_an_unknown_log(witness: Witness) -> None:
    assert submit(witness, published.SPECIFIED) == 404


def test_a_conflict_says_the_size_that_was_cosigned(witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 7))
    with pytest.raises(Refused) as refused:
        witness.add_checkpoint(the_log.request(0, 9))
    assert (refused.value.status, refused.value.body) == (409, "7\n")
    assert refused.value.content_type == SIZE_TYPE == "text/x.tlog.size"


ONE = leaf_hash(b"x")


@pytest.mark.parametrize(
    ("old", "size", "proof", "status"),
    [
        (0, 0, (), 200),
        (0, 0, (ONE,), 422),
        (0, 1, (), 200),
        (0, 1, (ONE,), 422),
        (1, 0, (), 400),
        (1, 1, (), 409),
    ],
)
def test_of_a_new_log(
    witness: Witness, old: int, size: int, proof: tuple[bytes, ...], status: int
) -> None:
    log = Log(next(iter(witness.logs)))
    new = replace(witness, logs={log.origin: [log.signer.verifier]})
    assert submit(new, add_checkpoint(old, proof, log.note(size))) == status


def test_the_root_of_no_entries_is_known(witness: Witness, the_log: Log) -> None:
    note = Checkpoint(the_log.origin, 0, EMPTY_ROOT).sign([the_log.signer])
    assert submit(witness, add_checkpoint(0, (), note.replace("47DE", "47DF"))) == 400


@pytest.mark.parametrize("size", [12, 13, 40])
def test_a_fork_is_refused(witness: Witness, the_log: Log, size: int) -> None:
    """By the log's own key, and with proofs as good as a fork can have them."""
    witness.add_checkpoint(the_log.request(0, 12))
    fork = the_log.fork(kept=7)
    assert submit(witness, fork.request(12, size)) == (409 if size == 12 else 422)
    assert size_known(witness, the_log.origin) == 12
    assert submit(witness, the_log.request(12, size)) == 200


def test_two_trees_of_one_size_are_kept_as_evidence(witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    body = the_log.fork(kept=7).request(12, 12)
    assert submit(witness, body) == 409
    (kept,) = witness.memory.directory.glob("*.fork")
    assert kept.read_bytes() == body


def test_anybody_can_send_a_wrong_proof_so_it_is_no_evidence(
    witness: Witness, the_log: Log
) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    assert submit(witness, add_checkpoint(12, (), the_log.note(13))) == 422
    assert not list(witness.memory.directory.glob("*.fork"))


def test_a_log_never_goes_back(witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    assert submit(witness, the_log.request(12, 11)) == 400
    assert submit(witness, the_log.request(11, 11)) == 409
    assert submit(witness, the_log.request(0, 5)) == 409


def test_the_logs_own_key_has_to_have_signed(witness: Witness, the_log: Log) -> None:
    stranger = Log(the_log.origin)
    assert submit(witness, stranger.request(0, 3)) == 403
    both = the_log.checkpoint(3).sign([stranger.signer, the_log.signer])
    assert submit(witness, add_checkpoint(0, (), both)) == 200


def test_a_cosignature_by_the_log_key_is_no_signature_of_the_log(
    witness: Witness, the_log: Log
) -> None:
    line = Cosigner(the_log.signer).cosign(the_log.checkpoint(3), at=1).line
    assert submit(witness, add_checkpoint(0, (), f"{the_log.checkpoint(3).text}\n{line}\n")) == 403


@pytest.mark.parametrize("body", [b"", b"old 0\n\n", b"old 0\n\ntext\n\n\xe2\x80\x94 a AAAABBBB\n"])
def test_what_is_no_checkpoint_is_a_bad_request(witness: Witness, body: bytes) -> None:
    assert submit(witness, body) == 400


def test_logs_do_not_get_into_each_others_way(witness: Witness, the_log: Log) -> None:
    other = Log("other.example/ledger")
    logs = {**witness.logs, other.origin: [other.signer.verifier]}
    both = replace(witness, logs=logs)
    assert [submit(both, log.request(0, 5)) for log in (the_log, other)] == [200, 200]


def test_it_still_knows_after_a_restart(witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    restarted = replace(witness, memory=Memory(witness.memory.directory))
    assert submit(restarted, the_log.fork(kept=7).request(0, 30)) == 409
    assert submit(restarted, the_log.request(12, 30)) == 200


def test_of_many_at_once_one_goes_on(witness: Witness, the_log: Log) -> None:
    """Else a slow request for a smaller tree could roll the record back behind a faster one."""
    witness.add_checkpoint(the_log.request(0, 3))
    sizes = list(range(4, 28))
    answers: dict[int, int] = {}
    begin = threading.Barrier(len(sizes))

    def run(size: int) -> None:
        begin.wait(5)
        # Each with its own view of the same files, as another process would have it.
        other = replace(witness, memory=Memory(witness.memory.directory))
        answers[size] = submit(other, the_log.request(3, size))

    threads = [threading.Thread(target=run, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    (cosigned,) = [size for size, status in answers.items() if status == 200]
    assert size_known(witness, the_log.origin) == cosigned
    assert sorted(answers.values()) == [200] + [409] * (len(sizes) - 1)


@pytest.mark.parametrize("damage", [b"", b"\xff", b"torn\n", b"log.example/ledger\n12\n"])
def test_a_damaged_record_is_not_taken_for_none(
    witness: Witness, the_log: Log, damage: bytes
) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    (record,) = witness.memory.directory.glob("*.checkpoint")
    record.write_bytes(damage)
    with pytest.raises(MemoryUnavailable):
        witness.add_checkpoint(the_log.fork(kept=7).request(0, 13))


def test_a_record_of_another_log_is_not_taken_for_this_ones(witness: Witness, the_log: Log) -> None:
    witness.add_checkpoint(the_log.request(0, 12))
    (record,) = witness.memory.directory.glob("*.checkpoint")
    record.write_text(Log("other.example").note(3))
    with pytest.raises(MemoryUnavailable, match=r"other\.example"):
        witness.add_checkpoint(the_log.request(3, 13))


def test_without_a_place_to_remember_nothing_is_cosigned(
    witness: Witness, the_log: Log, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    nowhere = replace(witness, memory=Memory(tmp_path / "file" / "below"))
    with pytest.raises(MemoryUnavailable):
        nowhere.add_checkpoint(the_log.request(0, 1))


def test_it_is_on_disk_before_the_answer(
    witness: Witness, the_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(MemoryUnavailable, match="disk full"):
        witness.add_checkpoint(the_log.request(0, 1))
