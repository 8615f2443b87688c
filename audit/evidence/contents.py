"""What goes into a pack, and into a plain list of entries."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, BinaryIO

import structlog
from django.conf import settings

from audit.evidence.coverage import Coverage, batches
from audit.evidence.pack import PackWriter
from audit.evidence.selection import Selection
from audit.gate import engine, policy
from audit.gate.axioms import AXIOMS
from audit.ledger import keys
from audit.ledger.tree import fetch_tile
from audit.models import Event
from audit.proofs import merkle
from audit.proofs.errors import ProofError
from audit.proofs.tiles import TileReader
from audit.proofs.tlog_proof import TlogProof
from audit.subjects import REF, People
from audit.witness.message import add_checkpoint
from portal.lib.errors import AuditUnavailable, FieldError, ValidationFailed

log = structlog.get_logger(__name__)

FORMAT = "vigil-evidence/1"
MAX_BYTES = 512 * 1024 * 1024
"""Of the entries together, uncompressed."""
BATCH = 100
VERIFIER = Path(__file__).with_name("verifier.py")
README = Path(__file__).with_name("readme.txt")


@dataclass(frozen=True, slots=True)
class About:
    """What a pack says of itself, beside what is in it."""

    number: int
    made_at: str
    by: str
    reason: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long the making may take, from when this is made; None for as long as it takes."""

    seconds: float | None
    began: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raises `ValidationFailed` once it is over: nothing that is half made is kept."""
        if self.seconds is not None and time.monotonic() - self.began > self.seconds:
            message = (
                f"takes longer than the {self.seconds:g} seconds that a request has; narrow it, or"
                " use manage.py export_evidence"
            )
            raise ValidationFailed([FieldError("selection", message)])


def entries(events: Sequence[int], deadline: Deadline) -> Iterator[tuple[int, bytes]]:
    """The ids and exact entries, in rising order. Raises `ValidationFailed` for too many bytes and
    past the deadline, `AuditUnavailable` where an event that was there is gone."""
    total = 0
    for batch in batches(events, BATCH):
        deadline.check()
        found = Event.objects.filter(pk__in=batch).order_by("pk").values_list("pk", "entry")
        rows = [(number, bytes(entry)) for number, entry in found]
        if [number for number, _entry in rows] != batch:
            raise _broken(min(set(batch) - {number for number, _entry in rows}))
        total += sum(len(entry) for _number, entry in rows)
        if total > MAX_BYTES:
            message = f"matches entries of more than {MAX_BYTES >> 20} MiB; narrow it"
            raise ValidationFailed([FieldError("selection", message)])
        yield from rows


def write_list(file: BinaryIO, events: Sequence[int], deadline: Deadline) -> None:
    """NDJSON: each line is exactly the entry that was hashed."""
    file.writelines(entry + b"\n" for _number, entry in entries(events, deadline))


def write_pack(
    file: BinaryIO,
    about: About,
    *,
    events: Sequence[int],
    coverage: Coverage,
    deadline: Deadline,
) -> None:
    """Raises as `entries` does, and `AuditUnavailable` where an entry does not lead to the
    checkpoint: a pack that would not check out is never made."""
    vkey = keys.verifier_key()
    reader = TileReader(fetch_tile, coverage.checkpoint.size)
    leaves: dict[int, bytes] = {}
    refs: set[str] = set()
    with PackWriter(file) as pack:
        pack.add("README.txt", _readme(about, coverage))
        pack.add("checkpoint", coverage.note.encode())
        for size in about.selection.known_sizes:
            pack.add(f"consistency/{size:012}.txt", _consistency(size, coverage, reader))
        for number, entry in entries(events, deadline):
            pack.add(f"entries/{number:012}.json", entry)
            leaves[number] = merkle.leaf_hash(entry)
            refs.update(REF.findall(entry.decode()))
        named = People(refs).named(" ".join(refs))
        pack.add("people.json", json.dumps(named, indent=1, sort_keys=True).encode())
        pack.add("log.vkey", f"{vkey}\n".encode())
        pack.add("policy/axioms.cedar", AXIOMS.read_bytes())
        pack.add("policy/policy.cedar", policy.active()[0].encode())
        pack.add("policy/rules.json", rules())
        for number, index in sorted(coverage.places.items()):
            deadline.check()
            proof = _proof(number, leaves[number], index, coverage, reader)
            pack.add(f"proofs/{number:012}.tlog-proof", proof)
        pack.add("verify.py", VERIFIER.read_bytes())
        pack.finish(_manifest(about, events, coverage))


def rules() -> bytes:
    """The digest of each voter's rules; an entry's `policy` is the SHA-256 of this."""
    return json.dumps(
        {voter.name: voter.digest for voter in engine.voters()}, sort_keys=True
    ).encode()


def _proof(number: int, leaf: bytes, index: int, coverage: Coverage, reader: TileReader) -> bytes:
    checkpoint = coverage.checkpoint
    try:
        hashes = merkle.inclusion_proof(index, checkpoint.size, reader.node)
        merkle.verify_inclusion(
            leaf=leaf, index=index, size=checkpoint.size, proof=hashes, root=checkpoint.root
        )
    except ProofError as error:
        raise _broken(number) from error
    return TlogProof(index, tuple(hashes), coverage.note).text.encode()


def _consistency(size: int, coverage: Coverage, reader: TileReader) -> bytes:
    """In the form in which a witness takes it, C2SP tlog-witness."""
    if size > coverage.checkpoint.size:
        message = f"the log has only {coverage.checkpoint.size} entries under a checkpoint"
        raise ValidationFailed([FieldError("known_sizes", message)])
    hashes = merkle.consistency_proof(size, coverage.checkpoint.size, reader.node)
    return add_checkpoint(size, hashes, coverage.note)


def _manifest(about: About, events: Sequence[int], coverage: Coverage) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "number": about.number,
        "made_at": about.made_at,
        "by": about.by,
        "reason": about.reason,
        "selection": about.selection.to_json(),
        "origin": coverage.checkpoint.origin,
        "size": coverage.checkpoint.size,
        "root": coverage.checkpoint.root.hex(),
        "counts": {
            "events": len(events),
            "proven": len(coverage.places),
            "pending": len(coverage.pending),
        },
        "events": [{"id": number, "index": coverage.places.get(number)} for number in events],
    }


def _readme(about: About, coverage: Coverage) -> bytes:
    text = Template(README.read_text()).substitute(
        number=about.number, origin=coverage.checkpoint.origin, site=settings.ORIGIN
    )
    return text.encode()


def _broken(number: int) -> AuditUnavailable:
    log.critical("evidence_does_not_verify", event_id=number)
    return AuditUnavailable(
        f"Event {number} is not what the signed log has there. Run `manage.py verify_ledger`."
    )


def sha256_of(file: BinaryIO) -> tuple[str, int]:
    """Of the whole file, with its length; leaves it at the start."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    size = file.tell()
    file.seek(0)
    return digest.hexdigest(), size
