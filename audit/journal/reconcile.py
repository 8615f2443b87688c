"""Holds the journal against the ledger: what was meant, what is said to have come of it, what did.

    nothing happened   meant, no outcome, no event: the process ended before it committed
    unsaid             meant, no outcome, but its event is there: it ended after it committed
    lost               said to be committed, but its event is not there            alarm
    unjournaled        an event that no line meant                                 alarm
    contradicted       an event that is not what the journal says of it            alarm

It may run while others write. The journal is read before the events, so that what it says is
committed must be among them; and what was added to it is read after, so that an event that came in
between finds its line, which was on the disk before the event was.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from audit.journal import names
from audit.journal.errors import Damage
from audit.journal.findings import Committed, Reconciliation
from audit.journal.matching import Matching
from audit.journal.reader import Reader, read


def reconcile(
    directories: Path | Iterable[Path],
    events: Callable[[], Iterable[Committed]],
    *,
    first_event: int = 0,
) -> Reconciliation:
    """`events` gives the ledger's events from number `first_event` on, in any order; it is called
    once, and not before the journal was read. All journals that wrote to the ledger belong in
    `directories`: an event by the writer of another one counts as unjournaled.

    Memory stays bounded: what was meant lies in a temporary database on the disk, and of each kind
    of finding only the first thousand are kept; all are counted.
    """
    where = [directories] if isinstance(directories, Path) else list(directories)
    result = Reconciliation()
    readers: dict[Path, Reader] = {}
    with Matching() as matching:
        _read_on(where, readers, matching, result)
        for event in events():
            if event.event_id >= first_event:
                result.events += 1
                matching.add_event(event)
        matching.begin_second_reading()
        _read_on(where, readers, matching, result)
        matching.judge(result, first_event=first_event)
    return result


def _read_on(
    directories: list[Path],
    readers: dict[Path, Reader],
    matching: Matching,
    result: Reconciliation,
) -> None:
    """Reads what is new since the last time; a damaged file is left where its first bad line is."""
    damaged = {damage.path for damage in result.damages}
    for name in names.files(directories):
        if name.path in damaged:
            continue
        if names.is_live(name.path):
            matching.is_live(name.writer)
        reader = readers.setdefault(name.path, read(name.path))
        try:
            for each in reader:
                matching.add_line(each)
        except Damage as damage:
            result.damages.append(damage)
