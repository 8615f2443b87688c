"""The key that signs checkpoints: private half for the signer alone, public half for everybody."""

import os
from pathlib import Path

from django.conf import settings

from audit.proofs.keys import Signer, Verifier, generate_signer


def ensure_signer_key(path: Path) -> Signer:
    """The key in the file, made on first use with the log's origin as its name, readable by its
    owner only. The public half goes beside it, in `<name>.pub`.

    Raises `ProofError` where the file is no key.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            signer = generate_signer(settings.LEDGER_ORIGIN)
            file.write(signer.skey + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        signer = load_signer(path)
    path.with_suffix(".pub").write_text(signer.verifier.vkey + "\n")
    return signer


def load_signer(path: Path) -> Signer:
    return Signer.parse(path.read_text().strip())


def verifier_key() -> str:
    """The public key as others write it down, like `vigil.example.org/ledger+1a2b3c4d+A…`; empty
    where no checkpoint can have been signed yet."""
    try:
        return settings.SIGNER_KEY.with_suffix(".pub").read_text().strip()
    except FileNotFoundError:
        return ""


def earlier() -> list[Verifier]:
    """The keys of the log's earlier origins that somebody said are to be trusted, oldest first. Raises
    `ProofError` where one is no key."""
    return [Verifier.parse(vkey) for vkey in settings.LEDGER_EARLIER_KEYS]


def trusted() -> list[Verifier]:
    """The earlier ones, then the log's own. That is the order in which they may have signed."""
    own = verifiers()
    return [*(key for key in earlier() if key not in own), *own]


def verifiers() -> list[Verifier]:
    vkey = verifier_key()
    return [Verifier.parse(vkey)] if vkey else []
