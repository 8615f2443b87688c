"""Why something was refused. One `except ProofError` catches every refusal of this package."""


class ProofError(ValueError):
    """It is not what it claims to be, or does not prove what it claims to prove."""


class TileError(ProofError):
    """Not a tile, an entry bundle, or a path to one, as C2SP tlog-tiles has it."""


class NoteError(ProofError):
    """Not a signed note or key as C2SP signed-note has it, or a known key's signature is wrong."""


class UnverifiedNoteError(NoteError):
    """A well-formed note that carries no signature by a known key."""


class CheckpointError(ProofError):
    """Not a checkpoint as C2SP tlog-checkpoint has it, or that of another log."""


class TlogProofError(ProofError):
    """Not a proof as C2SP tlog-proof has it."""
