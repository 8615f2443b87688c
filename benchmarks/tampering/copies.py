"""Whole pasts put in the place of the real one: a backup, a clean cut, a fork by the log's own key."""

from dataclasses import replace

from audit.ledger.kinds import Kind
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from audit.proofs.merkle import Frontier
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.house import House

MORE = 4


def roll_back(house: House) -> int:
    """A copy of the database's files, made by the server, put back after work went on."""
    backup = _backup(house)
    size = house.size()
    house.work(MORE)
    house.publish()
    house.keep()
    _restore(backup, house)
    return size


def roll_back_under_signer(house: House) -> str:
    return f"the log has {roll_back(house)} entries"


def lose_events(house: House) -> str:
    roll_back(house)
    return f"event {Event.objects.latest('id').pk + 1}:"


def cut_clean(house: House) -> int:
    """Back to the first checkpoint, with a head that fits."""
    with house.superuser() as superuser:
        row = superuser.execute("SELECT min(size) FROM audit_checkpoint").fetchone()
        size = int(row[0]) if row else 0
        leaves = superuser.execute(
            "SELECT leaf_hash FROM audit_leaf WHERE index < %s ORDER BY index", [size]
        )
        frontier = Frontier().extend(leaf for (leaf,) in leaves)
        superuser.execute(
            "DELETE FROM audit_event e USING audit_leaf l WHERE l.event_id = e.id AND l.index >= %s",
            [size],
        )
        superuser.execute("DELETE FROM audit_leaf WHERE index >= %s", [size])
        superuser.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
        superuser.execute(
            "UPDATE audit_head SET size = %s, frontier = %s", [size, list(frontier.hashes)]
        )
    return size


def fork(house: House) -> int:
    """Two histories of one length, both signed by the log's key; the second is then the log's."""
    thief = replace(house.signer, state_path=house.home / "stolen.state")
    thief.state_path.write_text(house.signer.state_path.read_text())
    backup = _backup(house)
    house.work(MORE)
    house.publish()
    house.keep()
    house.show_witness(old_size=house.size() - MORE)
    _restore(backup, house)
    house.work(MORE)
    house.publish(thief)
    return house.size() - 1


def fork_under_signer(house: House) -> str:
    return f"at size {fork(house) + 1}"


def rewrite(house: House) -> int:
    """An entry edited, and everything above it made anew and signed by the log's key."""
    with house.superuser() as superuser:
        superuser.execute(
            "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
            " 'system:tampering', 'user:nobody'), 'UTF8'), actor = 'user:nobody' WHERE id ="
            " (SELECT event_id FROM audit_leaf WHERE index = 100);"
            "UPDATE audit_event SET leaf_hash = sha256('\\x00'::bytea || entry);"
            "INSERT INTO audit_pending SELECT event_id FROM audit_leaf;"
            "TRUNCATE audit_leaf, audit_tile, audit_checkpoint;"
            "UPDATE audit_head SET size = 0, frontier = '{}'"
        )
    house.publish(LedgerSigner(house.signer.signer, house.home / "stolen.state"))
    return house.size() - 1


def _backup(house: House) -> House:
    with house.closed():
        return house.copy(f"{house.database}_backup", house.home)


def _restore(backup: House, house: House) -> None:
    """The database alone: what lies beside it is elsewhere, and stays."""
    with house.closed():
        house.drop()
        backup.copy(house.database, house.home)
        backup.drop()


def contradict(house: House) -> str:
    rewrite(house)
    return "event 101:"


def sign_with_earlier_key(house: House) -> int:
    """The log went on under a new name, and whoever has the old key signs once more with it."""
    before = house.rename("new.example/ledger")
    house.work(MORE)
    house.publish()
    house.work(MORE)
    house.publish(before)
    return house.size() - 1


def forget_earlier_key(house: House) -> str:
    """Nobody said that the earlier origin is to be trusted."""
    house.rename("new.example/ledger")
    house.earlier.clear()
    house.work(MORE)
    house.publish()
    return "no key trusted for that signed it"


COPIES = (
    Case("the log is cut back, clean", Detector.KEPT, Kind.LOG_ROLLED_BACK, cut_clean),
    Case("a backup is put back", Detector.KEPT, Kind.LOG_ROLLED_BACK, roll_back),
    Case("… (the same)", Detector.SIGNER, Kind.LOG_ROLLED_BACK, roll_back_under_signer),
    Case("… (the same)", Detector.JOURNAL, Kind.EVENT_LOST, lose_events),
    Case("all is made anew over an edited entry", Detector.KEPT, Kind.LOG_FORKED, rewrite),
    Case("… (the same)", Detector.JOURNAL, Kind.EVENT_CONTRADICTED, contradict),
    Case(
        "a key of an earlier origin signs again",
        Detector.VERIFY,
        Kind.CHECKPOINT_OUT_OF_TURN,
        sign_with_earlier_key,
    ),
    Case(
        "an origin that nobody trusts is in the log",
        Detector.VERIFY,
        Kind.CHECKPOINT_NOT_SIGNED,
        forget_earlier_key,
    ),
    Case("the log is forked with its own key", Detector.KEPT, Kind.LOG_FORKED, fork),
    Case("… (the same)", Detector.SIGNER, Kind.HISTORY_REWRITTEN, fork_under_signer),
    Case("… (the same)", Detector.WITNESS, Kind.LOG_FORKED, fork),
)
