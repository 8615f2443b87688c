"""Sealed archives of dropped entries, changed by the owner of the files."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from audit.ledger.kinds import Kind
from audit.models import Leaf
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.keys import generate_signer
from audit.retention.archive import MANIFEST
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.histories import edit
from benchmarks.tampering.house import House, Stage

Members = dict[str, bytes]
AT = 20
"""The record that it is done to, in the order of the archive."""


def files(house: House) -> list[Path]:
    return sorted(house.archives.glob("*.zip"))


def rewrite(path: Path, change: Callable[[Members], None]) -> None:
    """With a manifest that fits, as one makes it who knows the form."""
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    change(members)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    manifest["files"] = digests
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(name, content)
        whole.writestr(MANIFEST, json.dumps(manifest))


def edit_record(members: Members) -> None:
    lines = members["entries.ndjson"].splitlines(keepends=True)
    lines[AT] = lines[AT].replace(b"system:tampering", b"user:nobody")
    members["entries.ndjson"] = b"".join(lines)


def drop_record(members: Members) -> None:
    for name in ("entries.ndjson", "places.ndjson"):
        lines = members[name].splitlines(keepends=True)
        members[name] = b"".join(lines[:AT] + lines[AT + 1 :])


def drop_line(members: Members) -> None:
    """Its place stays, and the records behind it move up."""
    lines = members["entries.ndjson"].splitlines(keepends=True)
    members["entries.ndjson"] = b"".join(lines[:AT] + lines[AT + 1 :])


def drop_last(members: Members) -> None:
    members["entries.ndjson"] = b"".join(members["entries.ndjson"].splitlines(keepends=True)[:-1])


def reseal(members: Members) -> None:
    """The checkpoint says another root; the signature stays."""
    lines = members["checkpoint"].split(b"\n")
    lines[2] = lines[2][::-1]
    members["checkpoint"] = b"\n".join(lines)


def other_log(members: Members) -> None:
    """Of the same form, with entries of its own, and signed by its own key under its own name."""
    body = members["entries.ndjson"].replace(b"system:tampering", b"system:elsewhere")
    members["entries.ndjson"] = body
    signer = generate_signer("elsewhere.example/ledger")
    root = hashlib.sha256(body).digest()
    members["checkpoint"] = Checkpoint(signer.name, 128, root).sign([signer]).encode()
    members["log.vkey"] = f"{signer.verifier.vkey}\n".encode()


def at_record(change: Callable[[Members], None]) -> Callable[[House], int | str]:
    """Named by its index in the log."""

    def do(house: House) -> int | str:
        path = files(house)[1]
        with zipfile.ZipFile(path) as whole:
            places = whole.read("places.ndjson").splitlines()
        rewrite(path, change)
        return int(json.loads(places[-1 if change is drop_last else AT])[0])

    return do


def in_file(change: Callable[[Members], None]) -> Callable[[House], int | str]:
    """Named by the file."""

    def do(house: House) -> int | str:
        path = files(house)[1]
        rewrite(path, change)
        return path.name

    return do


def edit_manifest(house: House) -> str:
    """It names another number of entries; all else stays."""
    path = files(house)[0]
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    members[MANIFEST] = members[MANIFEST].replace(b'"events": ', b'"events": 1')
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(name, content)
    return path.name


def swap(house: House) -> str:
    first, second = files(house)
    first.write_bytes(second.read_bytes())
    return f"{first.name}: is {second.name}"


def truncate(house: House) -> str:
    path = files(house)[0]
    path.write_bytes(path.read_bytes()[:-200])
    return path.name


def spoil(house: House) -> str:
    """Bytes in the middle of its records, as a bad disk leaves them."""
    path = files(house)[0]
    with zipfile.ZipFile(path) as whole:
        at = whole.getinfo("entries.ndjson").header_offset + 40
    content = bytearray(path.read_bytes())
    content[at : at + 400] = bytes(400)
    path.write_bytes(content)
    return path.name


def remove(house: House) -> str:
    path = files(house)[0]
    path.unlink()
    return path.name


def edit_seal(house: House) -> int | str:
    """The record is edited, and the digest in the table of archives made to fit."""
    path = files(house)[1]
    found = at_record(edit_record)(house)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with house.superuser() as superuser:
        superuser.execute(
            "UPDATE audit_archive SET sha256 = %s WHERE filename = %s", [digest, path.name]
        )
    return found


def edit_row_of_seal(house: House) -> str:
    edit_seal(house)
    return "audit_archive "


def edit_leaf(house: House) -> int:
    """The log's own leaf, where its entry is in an archive alone."""
    index = Leaf.objects.filter(event_id=AT).values_list("index", flat=True)[0]
    with house.superuser() as superuser:
        superuser.execute("UPDATE audit_leaf SET leaf_hash = sha256('x') WHERE index = %s", [index])
    return index


def _case(what: str, kind: Kind, do: Callable[[House], int | str]) -> Case:
    return Case(what, Detector.ARCHIVE, kind, do, on=Stage.ARCHIVED)


ARCHIVES = (
    _case("an archived record is edited", Kind.ARCHIVE_CHANGED, at_record(edit_record)),
    _case("… and the digest on file with it", Kind.ARCHIVE_CHANGED, edit_seal),
    _case("… (the same)", Kind.ROW_CHANGED, edit_row_of_seal),
    _case("the leaf of an archived record is edited", Kind.ARCHIVE_CHANGED, edit_leaf),
    _case("an archived record is deleted", Kind.ARCHIVE_ENTRY_MISSING, at_record(drop_record)),
    _case("… and its place left", Kind.ARCHIVE_ENTRY_MISSING, at_record(drop_line)),
    _case("the last archived record is deleted", Kind.ARCHIVE_ENTRY_MISSING, at_record(drop_last)),
    _case("an archive's manifest is edited", Kind.ARCHIVE_RESEALED, edit_manifest),
    _case("an archive's checkpoint is edited", Kind.ARCHIVE_RESEALED, in_file(reseal)),
    _case("an archive lies in another's place", Kind.ARCHIVE_SWAPPED, swap),
    _case("another log's archive lies there", Kind.ARCHIVE_FOREIGN, in_file(other_log)),
    _case("an archive is cut off", Kind.ARCHIVE_TRUNCATED, truncate),
    _case("an archive is spoilt", Kind.ARCHIVE_BROKEN, spoil),
    _case("an archive is removed", Kind.ARCHIVE_MISSING, remove),
    _case(
        "a history row of an archived event is edited",
        Kind.HISTORY_ROW_CHANGED,
        edit("history_change_reason = 'The customer asked for it'"),
    ),
    Case(
        "… its value, and no archive is read",
        Detector.ROWS,
        Kind.HISTORY_ROW_CHANGED,
        edit("name = 'Other'"),
        on=Stage.ARCHIVED,
    ),
)
