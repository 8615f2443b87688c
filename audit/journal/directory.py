"""All files of a journal together: those that are missing, and those that await their seal."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from audit.journal import names
from audit.journal.errors import Damage
from audit.journal.names import Name
from audit.journal.reader import read
from audit.journal.seal import Seal
from audit.journal.verify import FileReport, Mention, missing, verify


def verify_all(
    directory: Path, seals: Iterable[Seal] = (), *, removed: Collection[str] = ()
) -> Iterator[FileReport]:
    """Every file that is there or was sealed, one after the other; `removed` are gone by right."""
    sealed = {
        seal.file: seal
        for seal in seals
        if seal.file not in removed or (directory / seal.file).exists()
    }
    for _, each in groupby(names.files(directory), key=lambda name: name.writer):
        files = list(each)
        numbers = {name.number for name in files}
        for name, following in zip(files, [*files[1:], None], strict=True):
            seal = sealed.pop(name.path.name, None)
            yield verify(name.path, seal=seal, mention=_mention(name, following))
        for number in sorted(set(range(1, max(numbers))) - numbers):
            gone = f"{files[0].writer}-{number}.jsonl"
            if not any(file.endswith(gone) for file in (*sealed, *removed)):
                yield missing(directory / gone)
    for file in sorted(sealed):
        yield missing(directory / file)


def finished_files(directory: Path) -> dict[str, float]:
    """Those that grow no more, with when each was last written to, in seconds since 1970."""
    return {
        name.path.name: name.path.stat().st_mtime
        for name in names.files(directory)
        if not names.is_live(name.path)
    }


def seals_pending(directory: Path, known: Collection[str]) -> list[Seal]:
    """Seals of the files that grow no more, but those whose names are `known`. Once a seal is on
    record the file is only ever held against it: a file put in its place gets none."""
    seals = []
    for name in names.files(directory):
        if name.path.name in known or names.is_live(name.path):
            continue
        report = verify(name.path)
        # Without a first line it holds nothing: its writer was interrupted while it made it.
        if report.lines or report.damage:
            seals.append(_seal(name, report))
    return seals


def _seal(name: Name, report: FileReport) -> Seal:
    return Seal(
        file=name.path.name,
        writer=name.writer,
        number=name.number,
        lines=report.lines,
        last_seq=report.last_seq,
        bytes=report.bytes,
        sha256=report.sha256,
        is_whole=report.is_sealed and report.damage is None,
        damage=str(report.damage or ""),
    )


def _mention(name: Name, following: Name | None) -> Mention | None:
    """What the first line of the next file says of this one."""
    if following is None:
        return None
    reader = read(following.path)
    try:
        first = next(reader, None)
    except (Damage, OSError):  # It has a report of its own.
        return None
    finally:
        reader.close()
    after = first.fields.get("after") if first else None
    match after:
        case {"file": name.path.name, "seq": int(seq)} if first:
            return Mention(seq, first.prev)
        case _:
            return None
