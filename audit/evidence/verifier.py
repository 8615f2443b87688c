"""Checks an evidence pack, and says in plain words what it proves and what it does not.

    python3 verify.py pack.zip --vkey KEY [--checkpoint FILE] [--witness KEY]... [--list]

KEY is the log's verifier key as you have it from elsewhere than from the pack. FILE is a checkpoint
of the log that you kept. A witness's KEY is that of somebody who cosigns the log's checkpoints.
One file for Python 3.9 or newer with the package `cryptography`. It opens no connection and writes
nothing. Exit code 0: all that was asked is proven; 1: something is not; 2: usage.
Formats: C2SP signed-note, tlog-checkpoint, tlog-proof, tlog-cosignature. Trees: RFC 6962, RFC 9162.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterator  # noqa: UP035 - also for Python 3.9

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("This needs the Python package cryptography: pip install cryptography\n")
    sys.exit(2)

FORMAT, PROOF = "vigil-evidence/1", "c2sp.org/tlog-proof@v1"
# A pack that goes beyond these is refused unread; what the product exports stays well below.
MAX_FILES, MAX_TOTAL, MAX_DIRECTORY = 65_000, 1 << 30, 16 << 20
LIMITS, MAX_OTHER = {"entries": 65_535, "manifest.json": 12 << 20}, 1 << 20
NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
DIRECTORY_END = struct.Struct("<4s4H2LH")
LOG, WITNESS = b"\x01", b"\x04"
KEY_SIZE, HASH_SIZE, MAX_HASHES, MAX_DIGITS, SHOWN = 32, 32, 63, 20, 10
# Whatever reading something malformed may raise, here or in the standard library.
BAD: tuple[type[Exception], ...] = (OSError, ValueError, LookupError, TypeError)
BAD += (AttributeError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


class Refused(ValueError):
    """What was read is not what it has to be; the message says why."""


def decode64(text: str) -> bytes:
    data = base64.b64decode(text) if text.isascii() and len(text) % 4 == 0 else b""
    if base64.b64encode(data).decode() != text:
        raise Refused("not base64")
    return data


def parse_json(content: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Refused("a name is given twice")
        return dict(pairs)

    def number(digits: str) -> float:  # To read endless digits as an integer takes for ever.
        return int(digits) if len(digits) < MAX_DIGITS else float(digits)

    return json.loads(content, object_pairs_hook=once, parse_int=number)


class Key:
    """`name+key id+base64(type || 32 bytes)`, the key of a log or of a witness."""

    def __init__(self, vkey: str, kind: bytes) -> None:
        self.vkey, self.kind = vkey.strip(), kind
        self.name, key_id, encoded = [*self.vkey.split("+", 2), "", ""][:3]
        data = decode64(encoded)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if data[:1] != kind or len(data) != 1 + KEY_SIZE or key_id != self.id.hex():
            raise Refused("not a key of that kind, which looks like name+1a2b3c4d+A...")
        self.public = Ed25519PublicKey.from_public_bytes(data[1:])

    def verify(self, signature: bytes, message: bytes) -> None:
        if self.kind == WITNESS:
            at, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = b"cosignature/v1\ntime %d\n" % at + message
        try:
            self.public.verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Refused(f"the signature by {self.name} is wrong") from None


class Checkpoint:
    """The log's name, size and root, an empty line, and signatures. Nothing is verified yet."""

    def __init__(self, note: str) -> None:
        body, blank, tail = note.rpartition("\n\n")
        self.note, self.message = note, f"{body}\n".encode()
        self.origin, size, root, *more = [*body.split("\n"), "", ""]
        if not blank or not tail.endswith("\n") or "" in more[:-2] or not DECIMAL.fullmatch(size):
            raise Refused("not a signed checkpoint")
        self.size, self.root = int(size), decode64(root)
        self.lines = [line.split(" ") for line in tail.split("\n")]

    def is_signed_by(self, key: Key) -> bool:
        """Raises where it bears a signature by the key that is wrong."""
        data = [decode64("".join(rest[1:])) for _, *rest in self.lines if rest[:1] == [key.name]]
        signatures = [signature[4:] for signature in data if signature[:4] == key.id]
        for signature in signatures:
            key.verify(signature, self.message)
        return bool(signatures)

    def open(self, key: Key) -> Checkpoint:
        if self.origin != key.name or not self.is_signed_by(key):
            raise Refused(f"the checkpoint is not signed by {key.name}")
        return self


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def way_up(index: int, last: int, path: list[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The hashes of a proof, and whether each stands left of the way from node `index` to the root."""
    for sibling in path:
        if last == 0:
            raise Refused("the proof is too long")
        is_left = bool(index & 1) or index == last
        yield sibling, is_left
        while is_left and index and not index & 1:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    if last:
        raise Refused("the proof is too short")


def check_inclusion(leaf: bytes, index: int, checkpoint: Checkpoint, path: list[bytes]) -> None:
    if not 0 <= index < checkpoint.size:
        raise Refused("the checkpoint has no such entry")
    for sibling, is_left in way_up(index, checkpoint.size - 1, path):
        leaf = node(sibling, leaf) if is_left else node(leaf, sibling)
    if leaf != checkpoint.root:
        raise Refused("the proof does not lead to the checkpoint")


def check_consistency(old: Checkpoint, new: Checkpoint, path: list[bytes]) -> None:
    """For `0 < old.size < new.size`."""
    index, last = old.size - 1, new.size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    path = path if index else [old.root, *path]
    was = now = path[0] if path else b""
    for sibling, is_left in way_up(index, last, path[1:]):
        was = node(sibling, was) if is_left else was
        now = node(sibling, now) if is_left else node(now, sibling)
    if (was, now) != (old.root, new.root):
        raise Refused("the log was rewritten after that checkpoint")


class Pack:
    """A ZIP file, or the directory that one was unpacked into. Its names and sizes are checked
    before anything is read. Raises `Refused` for a hostile one, `OSError` for none."""

    def __init__(self, path: Path) -> None:
        self.path, self.digest, self.names = path, "", []
        self.zip = None if path.is_dir() else self._open_zip()
        sizes = list(islice(self._members() if self.zip else self._files(), MAX_FILES + 1))
        if len(sizes) > MAX_FILES or sum(size for _, size in sizes) > MAX_TOTAL:
            raise Refused("it has too many files, or they are too large together")
        for name, size in sizes:
            if not NAME.fullmatch(name):
                raise Refused(f"it has a file of a name that no pack has: {name[:100]!r}")
            if size > self.limit(name):
                raise Refused(f"{name} is too large")
        if len({name.lower() for name, _ in sizes}) != len(sizes):
            raise Refused("it has two files of one name")
        self.names = [name for name, _ in sizes]

    @staticmethod
    def limit(name: str) -> int:
        return LIMITS.get(name.partition("/")[0], MAX_OTHER)

    def read(self, name: str) -> bytes:
        """At most what its kind may have, whatever the pack says of its size."""
        with self.zip.open(name) if self.zip else (self.path / name).open("rb") as file:
            content = file.read(self.limit(name) + 1)
        if len(content) > self.limit(name):
            raise Refused(f"{name} is too large")
        return content

    def _open_zip(self) -> zipfile.ZipFile:
        """Refuses a table of contents that is not whole, small and at the end, before it is read."""
        digest, size, tail = hashlib.sha256(), 0, b""
        with self.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size, tail = size + len(chunk), (tail + chunk)[-42:]
        self.digest, tail = digest.hexdigest(), tail.rjust(42, b"\0")
        end = DIRECTORY_END.unpack(tail[20:])
        count, length = end[4:6]
        is_plain = end == (b"PK\5\6", 0, 0, count, count, length, size - length - 22, 0)
        # Twenty bytes before it would stand the mark of the large form, which no pack needs.
        if not is_plain or length > MAX_DIRECTORY or tail.startswith(b"PK\6\7"):
            raise Refused("it is no ZIP file, or one of an unusual form")
        return zipfile.ZipFile(self.path)

    def _members(self) -> Iterator[tuple[str, int]]:
        for member in self.zip.infolist() if self.zip else ():
            if member.flag_bits & 1 or member.compress_type not in {0, 8}:
                raise Refused("a file in it is encrypted, or compressed in an unusual way")
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
                raise Refused("it has a link, or another special file")
            yield member.orig_filename, member.file_size

    def _files(self) -> Iterator[tuple[str, int]]:
        for below, directories, files in os.walk(self.path):
            for path in (Path(below, name) for name in (*directories, *files)):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path.relative_to(self.path).as_posix(), found.st_size
                elif not stat.S_ISDIR(found.st_mode):
                    raise Refused("it has a link, or another special file")


class Verification:
    """What there is to say of one pack: what is proven, what is not, and what failed."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.proven: list[str] = []
        self.unproven: list[str] = []
        self.failed: list[str] = []
        self.entries: list[dict[str, Any]] = []
        self.manifest = parse_json(pack.read("manifest.json"))
        self.files: dict[str, str] = dict(self.manifest["files"])
        self.unread = set(self.files)
        if self.manifest["format"] != FORMAT or self.unread | {"manifest.json"} != set(pack.names):
            raise Refused("its files are not those that its manifest names")

    def read(self, name: str) -> bytes:
        self.unread.discard(name)
        content = self.pack.read(name)
        if hashlib.sha256(content).hexdigest() != self.files[name]:
            raise Refused(f"{name} is not what the manifest says")
        return content

    def run(self, key: Key | None, kept: Checkpoint | None, witnesses: list[Key]) -> None:
        """Raises where the pack is none at all; what is merely wrong in it is in `failed`."""
        enclosed = Key(self.read("log.vkey").decode(), LOG)
        if not key:
            self.unproven.append("That the key is the log's: it came with the pack. Give --vkey.")
        key = key or enclosed
        checkpoint = Checkpoint(self.read("checkpoint").decode()).open(key)
        self.proven.append(f"The checkpoint of {checkpoint.size} entries is signed by {key.vkey}")
        self.check_events(checkpoint)
        self.attempt("The rules", self.check_rules)
        for name in sorted(self.unread):
            self.attempt("The files", self.check_file, name)
        if kept:
            self.attempt("Your checkpoint", self.check_continues, kept.open(key), checkpoint)
        for witness in witnesses:
            self.attempt("The witnesses", self.check_cosigned, witness, checkpoint)
        self.unproven += [
            "That no other entry of the log was asked for: a proof of one says nothing of others.",
            "That what an entry says is true. It has said so ever since it was recorded.",
        ]

    def attempt(self, what: str, check: Callable[..., Any], *given: Any) -> Any:
        """What the check returns; where it raises, that has failed."""
        try:
            return check(*given)
        except BAD as error:
            self.failed.append(f"{what}: {error}")
            return None

    def check_events(self, checkpoint: Checkpoint) -> None:
        places: set[int] = set()
        pending = []
        for event in self.manifest["events"]:
            number, index = int(event["id"]), event["index"]
            entry = self.attempt(f"Event {number}", self.check_event, number, index, checkpoint)
            if index in places:
                self.failed.append(f"Event {number}: another one has its place")
            elif entry and index is None:
                pending.append(str(number))
            elif entry:
                places.add(index)
                self.entries.append(entry)
        self.proven.append(f"{len(self.entries)} entries are in the log, exactly as in entries/.")
        if pending:
            shown = ", ".join(pending[:SHOWN] + ["..."] * bool(pending[SHOWN:]))
            self.unproven.append(f"{len(pending)} entries came after the checkpoint: {shown}")

    def check_file(self, name: str) -> None:
        self.read(name)
        if name.startswith(("entries/", "proofs/")):
            raise Refused(f"{name} belongs to no event of the manifest")

    def check_event(self, number: int, index: Any, checkpoint: Checkpoint) -> Any:
        entry = self.read(f"entries/{number:012}.json")
        fields = parse_json(entry)
        if fields["id"] != number:
            raise Refused("the entry is that of another event")
        if index is not None:
            proof = self.read(f"proofs/{number:012}.tlog-proof").decode()
            path = self.below([PROOF, f"index {index}"], proof, checkpoint)
            leaf = hashlib.sha256(b"\0" + entry).digest()
            check_inclusion(leaf, int(index), checkpoint, path)
        return fields

    @staticmethod
    def below(first: list[str], proof: str, checkpoint: Checkpoint) -> list[bytes]:
        """The hashes of a proof, below its first lines; it must be for this checkpoint."""
        head, _, note = proof.partition("\n\n")
        lines = head.split("\n")
        path = [decode64(line) for line in lines[len(first) :]]
        if lines[: len(first)] != first or note != checkpoint.note or len(path) > MAX_HASHES:
            raise Refused("the proof is that of something else")
        if any(len(digest) != HASH_SIZE for digest in path):
            raise Refused("the proof has something else than hashes")
        return path

    def check_rules(self) -> None:
        rules, axioms = self.read("policy/rules.json"), self.read("policy/axioms.cedar")
        if parse_json(rules)["axioms"] != hashlib.sha256(axioms).hexdigest():
            raise Refused("policy/axioms.cedar is not the file that policy/rules.json names")
        digest = hashlib.sha256(rules).hexdigest()
        judged = sum(entry.get("policy") == digest for entry in self.entries)
        self.proven.append(f"{judged} of them were decided by the rules in policy/.")

    def check_continues(self, old: Checkpoint, new: Checkpoint) -> None:
        name = f"consistency/{old.size:012}.txt"
        if old.size == new.size and old.root != new.root:
            raise Refused("the log has signed two trees of that size")
        if 0 < old.size < new.size and name in self.files:
            path = self.below([f"old {old.size}"], self.read(name).decode(), new)
            check_consistency(old, new, path)
        elif old.size not in {0, new.size}:
            raise Refused("the pack has no proof from there; ask for one with that checkpoint")
        self.proven.append(f"The log continues your checkpoint of {old.size} entries.")

    def check_cosigned(self, witness: Key, checkpoint: Checkpoint) -> None:
        if not checkpoint.is_signed_by(witness):
            raise Refused(f"{witness.name} has not cosigned the checkpoint")
        self.proven.append(f"{witness.name} has cosigned the checkpoint.")


def say(line: str = "") -> None:
    """What a pack says of itself must not reach the terminal as commands."""
    shown, encoding = (c if c.isprintable() else "?" for c in line), sys.stdout.encoding
    sys.stdout.write("".join(shown).encode(encoding, "replace").decode(encoding) + "\n")


def report(found: Verification, *, is_listing: bool) -> int:
    manifest = found.manifest
    say(f"Evidence pack {manifest['number']}, made {manifest['made_at']} by {manifest['by']}")
    say(f"of {json.dumps(manifest['selection'], sort_keys=True)}, for: {manifest['reason']}")
    say(f"SHA-256 {found.pack.digest or '(a directory has none)'}")
    say("So says the pack itself. The log has its SHA-256 in an event, evidence_exported.")
    said = {"PROVEN": found.proven, "NOT PROVEN": found.unproven, "FAILED": found.failed}
    for title, lines in said.items():
        more = [f"and {len(lines) - SHOWN} more"] if lines[SHOWN:] else []
        for line in ["", title, *(f"  {line}" for line in lines[:SHOWN] + more)] if lines else []:
            say(line)
    for entry in found.entries if is_listing else []:
        names = ("id", "timestamp", "actor", "verdict", "action", "target")
        say("  ".join(str(entry.get(name, "")) for name in names))
    say()
    say("RESULT: FAILED" if found.failed else "RESULT: verified")
    return 1 if found.failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pack", type=Path, help="a ZIP file, or the directory it was unpacked into")
    parser.add_argument("--vkey", default="", help="the log's verifier key, from elsewhere")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="one that you kept")
    parser.add_argument("--witness", action="append", default=[], metavar="KEY")
    parser.add_argument("--list", action="store_true", help="list the entries that are proven")
    options = parser.parse_args()
    try:
        witnesses = [Key(vkey, WITNESS) for vkey in options.witness]
        key = Key(options.vkey, LOG) if options.vkey else None
        kept = Checkpoint(options.checkpoint.read_text("utf-8")) if options.checkpoint else None
        options.pack.lstat()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        found = Verification(Pack(options.pack))
        found.run(key, kept, witnesses)
        return report(found, is_listing=options.list)
    except BAD as error:
        say(f"RESULT: REFUSED, {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
