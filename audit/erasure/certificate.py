"""The erasure certificate: what was destroyed, what remains, and the proof that it is on record.

It stands on the exact entry of the erasure and its C2SP tlog-proof; everything else in it is read
from these, or says how to read them. `check` needs nothing but the log's public key.
"""

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from audit.ledger import keys
from audit.ledger.tree import prove
from audit.models import Erasure, Event
from audit.proofs.errors import ProofError
from audit.proofs.note import Verifier
from audit.proofs.tlog_proof import TlogProof
from portal.lib.errors import Conflict

FORMAT = "vigil-erasure/1"
DESTROYED = (
    "The person's salt, and with it the key of everything that is sealed about them.",
    "The sealed values themselves: the addresses that they came from, as far as they were kept.",
    "User name, full name, e-mail address, password and second factor, roles, permissions and settings.",
    "The account's tokens, which are revoked, and its sessions, which ended with the password.",
)
REMAINS = (
    (
        "The entries of the record, unchanged: they hold a commitment, SHA-256 of salt and user name, which"
        " says nothing without the salt. They stay because a record from which entries can be taken proves"
        " nothing; for how long is the retention period's to say."
    ),
    "That it was always the same person, of whom nothing else is known: the commitment itself.",
    (
        "What people wrote in their own words: reasons, notes, postmortems, policies, names of tokens. It"
        " was not searched for the name."
    ),
    "Entries and notes that earlier releases made with the name in the clear. They are counted.",
    (
        "Copies outside: backups of the database and of the subject key, evidence packs and exports that"
        " were handed out, journals and logs shipped elsewhere. A backup from before the erasure holds"
        " salt and name until it is destroyed."
    ),
)
CHECK = (
    "Compare the log key with one from somewhere that you trust, such as an older evidence pack.",
    "On any machine, manage.py check_certificate FILE --key KEY does the rest.",
    (
        "By hand: SHA-256 of a zero byte and the UTF-8 bytes of the entry is the leaf; the proof (C2SP tlog-proof)"
        " leads from it to the root of a checkpoint that the log signed."
    ),
    "The entry itself then says who was erased, what was destroyed, and who decided it.",
)


def certificate(erasure: Erasure) -> dict[str, Any]:
    """Raises `Conflict` until a checkpoint covers the erasure, a few seconds at most."""
    proof = prove(erasure.event_id)
    if proof is None:
        message = "The erasure is on record; its certificate waits for the next signed checkpoint."
        raise Conflict(message)
    entry = bytes(Event.objects.values_list("entry", flat=True).get(pk=erasure.event_id)).decode()
    return {
        "format": FORMAT,
        "installation": settings.ORIGIN,
        **read(json.loads(entry)),
        "destroyed": list(DESTROYED),
        "remains": list(REMAINS),
        "how_to_check": list(CHECK),
        "log_key": keys.verifier_key(),
        "entry": entry,
        "proof": proof.text,
    }


def read(entry: dict[str, Any]) -> dict[str, Any]:
    """What the entry itself says of the erasure."""
    data = entry["data"]
    return {
        "event": entry["id"],
        "erased_at": entry["timestamp"],
        "subject": data["subject"],
        "reason": data["reason"],
        "requested_by": entry["actor"],
        "approved_by": data.get("approved_by", []),
        "counts": {"destroyed": data["destroyed"], "remains": data["remains"]},
    }


def check(content: bytes, verifiers: Iterable[Verifier], *, origin: str) -> dict[str, Any]:
    """What a certificate proves. Raises `ProofError` where it proves nothing, or says anything else
    than its entry does."""
    try:
        body = json.loads(content)
        entry, proof = str(body["entry"]), TlogProof.parse(body["proof"])
        proven = read(json.loads(entry))
    except (ValueError, KeyError, TypeError) as error:
        raise ProofError(f"not an erasure certificate: {error}") from error
    proof.verify(entry.encode(), verifiers, origin=origin)
    if json.loads(entry).get("event") != "person_erased" or body.get("format") != FORMAT:
        raise ProofError("its entry is not that of an erasure")
    if wrong := sorted(name for name, value in proven.items() if body.get(name) != value):
        raise ProofError(f"{', '.join(wrong)}: not what its entry says")
    return proven
