"""Packs made by hand, so that anything about them can be wrong."""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from audit.evidence import verifier
from audit.evidence.pack import PackWriter
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import generate_signer
from audit.proofs.tlog_proof import TlogProof
from audit.witness.message import add_checkpoint
from tests.audit.proofs.rfc6962 import ReferenceTree

AXIOMS = b"permit (principal, action, resource);\n"
RULES = json.dumps({"axioms": hashlib.sha256(AXIOMS).hexdigest()}).encode()


class Draft:
    """A pack of a log of its own: event n is entry n - 1. Change `files` or `manifest`, then write."""

    def __init__(self, size: int = 9, *, events: Iterable[int] = (1, 4, 9), known: int = 0) -> None:
        self.signer = generate_signer("log.example/ledger")
        self.tree = ReferenceTree([self.entry(number) for number in range(1, size + 1)])
        self.size = size
        self.note = self.checkpoint(size)
        self.files = {
            "README.txt": b"",
            "checkpoint": self.note.encode(),
            "log.vkey": f"{self.vkey}\n".encode(),
            "policy/axioms.cedar": AXIOMS,
            "policy/rules.json": RULES,
        }
        self.manifest: dict[str, Any] = {
            "format": "vigil-evidence/1",
            "number": 42,
            "made_at": "2026-02-12T18:30:00.000000Z",
            "by": "user:ada",
            "reason": "audit",
            "selection": {"target": "incidents.incident:1"},
            "events": [],
        }
        if known:
            body = add_checkpoint(known, self.tree.proof(known, size), self.note)
            self.files[f"consistency/{known:012}.txt"] = body
        for number in events:
            self.add(number)

    @property
    def vkey(self) -> str:
        return self.signer.verifier.vkey

    def entry(self, number: int) -> bytes:
        policy = hashlib.sha256(RULES).hexdigest()
        fields = {"action": "a:b:c", "actor": "user:ada", "id": number, "policy": policy}
        return json.dumps(fields, separators=(",", ":")).encode()

    def checkpoint(self, size: int) -> str:
        root = self.tree.mth(0, size)
        return Checkpoint(self.signer.name, size, root).sign([self.signer])

    def add(self, number: int, *, is_pending: bool = False) -> None:
        index = None if is_pending else number - 1
        self.manifest["events"].append({"id": number, "index": index})
        self.files[f"entries/{number:012}.json"] = self.entry(number)
        if index is not None:
            path = tuple(self.tree.path(index, 0, self.size))
            text = TlogProof(index, path, self.note).text
            self.files[f"proofs/{number:012}.tlog-proof"] = text.encode()

    def cosign(self, *cosigners: Cosigner) -> None:
        """In place of the checkpoint without, also in the proofs."""
        plain = self.note
        lines = [
            c.cosign(Checkpoint.parse(plain.partition("\n\n")[0] + "\n"), at=1_700_000_000)
            for c in cosigners
        ]
        self.note = plain + "".join(f"{line.line}\n" for line in lines)
        for name, content in self.files.items():
            self.files[name] = content.replace(plain.encode(), self.note.encode())

    def replace(self, name: str, old: bytes, new: bytes) -> None:
        assert old in self.files[name]
        self.files[name] = self.files[name].replace(old, new, 1)

    def write(self, directory: Path) -> Path:
        """As a ZIP, with the digests of what is in it."""
        path = directory / "evidence.zip"
        with path.open("wb") as file, PackWriter(file) as pack:
            for name, content in self.files.items():
                pack.add(name, content)
            pack.finish(self.manifest)
        return path

    def write_raw(self, directory: Path, *more: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
        """With further members, of whatever kind, that the manifest does not know."""
        path = self.write(directory)
        with zipfile.ZipFile(path, "a") as archive:
            for name, content in more:
                archive.writestr(name, content)
        return path


def check(path: Path, *options: str, monkeypatch: Any) -> int:
    """The exit code; what it says is on standard output."""
    monkeypatch.setattr("sys.argv", ["verify.py", str(path), *options])
    try:
        return verifier.main()
    except SystemExit as ended:
        return int(ended.code or 0)
