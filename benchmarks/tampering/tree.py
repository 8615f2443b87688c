"""Leaves, tiles, head and checkpoints."""

from audit.ledger.kinds import Kind
from benchmarks.tampering.case import Case
from benchmarks.tampering.house import House, Stage
from benchmarks.tampering.log import AT, VERIFY, by_sql

HASH = 32
CUT = 3
FIRST = "(SELECT min(size) FROM audit_checkpoint)"


def cut_tail(house: House) -> int:
    size = house.size()
    with house.superuser() as superuser:
        superuser.execute("DELETE FROM audit_leaf WHERE index >= %s", [size - CUT])
    return size - CUT


def add_leaf(house: House) -> int:
    size = house.size()
    with house.superuser() as superuser:
        superuser.execute("INSERT INTO audit_leaf VALUES (%s, 0, sha256('x'))", [size])
    return size


def edit_checkpoint(house: House) -> int:
    """The root in the signed text is another one; the signature stays."""
    with house.superuser() as superuser:
        row = superuser.execute(
            "UPDATE audit_checkpoint SET note = replace(note, encode(root, 'base64'),"
            f" encode(sha256('x'), 'base64')) WHERE size = {FIRST} RETURNING size"
        ).fetchone()
    return int(row[0]) - 1 if row else 0


def move_checkpoint(house: House) -> int:
    """It says under another root what was signed under its own."""
    with house.superuser() as superuser:
        row = superuser.execute(
            f"UPDATE audit_checkpoint SET root = sha256('x') WHERE size = {FIRST} RETURNING size"
        ).fetchone()
    return int(row[0]) - 1 if row else 0


def byte_of(leaf: int, level: int) -> str:
    return (
        f"UPDATE audit_tile SET data = set_byte(data, {leaf * HASH},"
        f" 255 - get_byte(data, {leaf * HASH})) WHERE level = {level} AND index = 0"
    )


def root_of(level: int) -> str:
    return f"UPDATE audit_tile SET root = sha256('x') WHERE level = {level} AND index = 0"


TREE = (
    Case("the end of the log is cut off", VERIFY, Kind.TAIL_MISSING, cut_tail),
    Case("a leaf is added behind the head", VERIFY, Kind.LEAF_INSERTED, add_leaf),
    Case(
        "the head is edited",
        VERIFY,
        Kind.HEAD_CHANGED,
        by_sql("UPDATE audit_head SET frontier[1] = sha256('x')", "head"),
    ),
    Case("a tile is edited", VERIFY, Kind.TILE_CHANGED, by_sql(byte_of(AT, 0))),
    Case(
        "a tile of the second level is edited",
        VERIFY,
        Kind.TILE_CHANGED,
        by_sql(byte_of(3, 1), 3 * 256),
        on=Stage.TALL,
    ),
    Case("a tile's root is edited", VERIFY, Kind.TILE_ROOT_CHANGED, by_sql(root_of(0), 0)),
    Case(
        "a root of the second level is edited",
        VERIFY,
        Kind.TILE_ROOT_CHANGED,
        by_sql(root_of(1), 0),
        on=Stage.TALL,
    ),
    Case(
        "a tile is deleted", VERIFY, Kind.TILE_DELETED, by_sql("DELETE FROM audit_tile", "tile 0/0")
    ),
    Case(
        "a tile is added",
        VERIFY,
        Kind.TILE_INSERTED,
        by_sql("INSERT INTO audit_tile SELECT 0, 9, root, data FROM audit_tile", "tile 0/9"),
    ),
    Case("a checkpoint's text is edited", VERIFY, Kind.CHECKPOINT_NOT_SIGNED, edit_checkpoint),
    Case("a checkpoint's root is edited", VERIFY, Kind.CHECKPOINT_CHANGED, move_checkpoint),
)
