"""Tampers with the record in every way that there is a name for, and shows how each comes out.

    python -m benchmarks.tamper

Each is done for real, as a superuser or as the owner of the files, to a copy of a small installation.
Exit code 1 where one was missed, or named as something else.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.stand import database, set_up

if TYPE_CHECKING:
    from benchmarks.tampering.detectors import Found

COLUMNS = ("what was done", "how it was found", "kind", "named as")
EVENTS = 256
"""So that there is a full tile."""


def main() -> int:
    began = time.monotonic()
    with database(fsync=False), tempfile.TemporaryDirectory(prefix="vigil-tamper-") as home:
        # Machines are noisy: how long the gate's voters take says nothing here.
        os.environ["VIGIL_VOTE_TIMEOUT_MS"] = "10000"
        set_up()
        logging.disable()  # A witness that sees a fork says so aloud; the table says it here.
        rows, missed = _run(Path(home))
    _show(rows)
    seconds = time.monotonic() - began
    print(f"\n{len(rows)} done, {missed} missed, in {seconds:.0f} s")
    return 1 if missed else 0


def _run(home: Path) -> tuple[list[tuple[str, ...]], int]:
    from benchmarks.tampering import CASES
    from benchmarks.tampering.detectors import Detector, find
    from benchmarks.tampering.house import House, Stage

    built = House("vigil", home / "vigil").copy("built", home / "built")
    built.build(EVENTS)
    stages = {
        Stage.SMALL: built,
        Stage.TALL: built.copy("tall", home / "tall"),
        Stage.ARCHIVED: built.copy("archived", home / "archived"),
    }
    stages[Stage.TALL].grow()
    stages[Stage.ARCHIVED].archive()
    rows: list[tuple[str, ...]] = []
    missed = 0
    for by in Detector:
        sound = stages[Stage.ARCHIVED if by is Detector.ARCHIVE else Stage.SMALL]
        with sound.try_out("sound", home / "sound") as house:
            found = find(by, house)
        missed += bool(found)
        rows.append(("nothing", by.value, "", found[0].detail if found else "nothing found"))
    for case in CASES:
        with stages[case.on].try_out("tampered", home / "tampered") as house:
            expected, found = case.run(house)
        named = case.named(expected, found)
        missed += named is None
        rows.append((case.what, case.by.value, case.kind.value, _words(named, found)))
    return rows, missed


def _words(named: "Found | None", found: "list[Found]") -> str:
    if named is None:
        return f"MISSED: {found[0].kind}: {found[0].detail}" if found else "MISSED"
    return named.detail if named.index is None else f"index {named.index}: {named.detail}"


def _show(rows: list[tuple[str, ...]]) -> None:
    shown = [COLUMNS, *rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(COLUMNS) - 1)]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]))


if __name__ == "__main__":
    sys.exit(main())
