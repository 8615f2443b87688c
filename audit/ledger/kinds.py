"""What kinds of tampering there are, each with what it means in a line. The command, its JSON, the
documents and `make tamper` all read this table."""

from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """The value is the kind's name as people read it."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        kind = str.__new__(cls, name)
        kind._value_, kind.meaning = name, meaning
        return kind

    ENTRY_CHANGED = "entry changed", "The entry's bytes do not hash to its leaf."
    ENTRY_DELETED = "entry deleted", "The log counts an entry that is gone."
    ENTRY_INSERTED = "entry inserted", "An entry is neither in the log nor waiting to enter it."
    PROJECTION_CHANGED = (
        "projection changed",
        "A searchable column says something else than the entry that it was taken from.",
    )
    CHANGE_LIST_CHANGED = (
        "change list changed",
        "The long list of changed rows beside an entry is not the one whose digest the entry holds.",
    )
    LEAF_DELETED = "leaf deleted", "An index in the middle of the log has no leaf."
    LEAF_INSERTED = "leaf inserted", "A leaf lies outside of what the head counts."
    TAIL_MISSING = (
        "tail missing",
        "The end of the log is gone: its own head or checkpoint counts more leaves than there are.",
    )
    HEAD_CHANGED = "head changed", "The stored head is not that of the leaves."
    TILE_CHANGED = "tile changed", "A tile holds other hashes than the tree has there."
    TILE_ROOT_CHANGED = "tile root changed", "The root kept beside a tile is not that of the tree."
    TILE_DELETED = "tile deleted", "The tree has a full tile that is not stored."
    TILE_INSERTED = "tile inserted", "A tile is stored where the tree has no full one."
    CHECKPOINT_NOT_SIGNED = (
        "checkpoint not signed",
        "The log's key did not sign the checkpoint as it stands.",
    )
    CHECKPOINT_CHANGED = (
        "checkpoint changed",
        "The stored size or root is not what the signed checkpoint says.",
    )
    CHECKPOINT_OUT_OF_TURN = (
        "checkpoint out of turn",
        "A key of an earlier origin signed after a later one had taken over.",
    )
    HISTORY_REWRITTEN = (
        "history rewritten",
        "The leaves fit together, but do not lead to a checkpoint that was signed before.",
    )
    LOG_FORKED = (
        "log forked",
        "The log's key signed two histories: this log's own, and the one that somebody kept.",
    )
    LOG_ROLLED_BACK = (
        "log rolled back",
        "The log is whole, but shorter than what was signed before: an older copy, or cut clean.",
    )
    ROW_CHANGED = "row changed", "A governed row is not what the last event that names it wrote."
    ROW_DELETED = "row deleted", "A governed row is gone, and no event deleted it."
    ROW_INSERTED = "row inserted", "A governed row is there that no event wrote."
    HISTORY_ROW_CHANGED = (
        "history row changed",
        "A history row says something else than its event: a value, the moment, who, or why.",
    )
    HISTORY_ROW_DELETED = "history row deleted", "A change on record has no history row any more."
    HISTORY_ROW_INSERTED = "history row inserted", "A history row is there that no event wrote."
    HISTORY_ROW_RELINKED = (
        "history row relinked",
        "A history row names another event than the one that wrote it.",
    )
    EVENT_LOST = "event lost", "The journal says that an event was committed; it is not there."
    EVENT_UNJOURNALED = "event unjournaled", "An event is there that no line of the journal meant."
    EVENT_CONTRADICTED = "event contradicted", "An event is not what the journal says of it."
    JOURNAL_EDITED = "journal edited", "A line of the journal was changed."
    JOURNAL_INSERTED = "journal inserted", "A line was put into the journal."
    JOURNAL_DELETED = "journal deleted", "Lines were taken out of the journal."
    JOURNAL_REORDERED = "journal reordered", "Lines of the journal changed places."
    JOURNAL_TRUNCATED = "journal truncated", "The end of a journal file is gone."
    JOURNAL_EXTENDED = "journal extended", "Lines were added to a journal file after its seal."
    JOURNAL_REPLACED = (
        "journal replaced",
        "A journal file is whole in itself, but not the one that was sealed.",
    )
    JOURNAL_MISSING = "journal missing", "A journal file is gone."
    ARCHIVE_CHANGED = "archive changed", "An archive has another entry than the log has there."
    ARCHIVE_ENTRY_MISSING = (
        "archive entry missing",
        "An archive lacks an entry that the log has there.",
    )
    ARCHIVE_SWAPPED = "archive swapped", "In the place of an archive lies another one of this log."
    ARCHIVE_TRUNCATED = "archive truncated", "The end of an archive's file is gone."
    ARCHIVE_RESEALED = (
        "archive resealed",
        "An archive has the right entries, but its manifest or another of its files was changed.",
    )
    ARCHIVE_FOREIGN = "archive foreign", "In the place of an archive lies one of another log."
    ARCHIVE_MISSING = "archive missing", "An archive of dropped entries is gone."
    ARCHIVE_BROKEN = (
        "archive broken",
        "An archive is not the file that was sealed, and cannot be read.",
    )
