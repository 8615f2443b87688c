from pathlib import Path

import pytest

from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import generate_signer
from audit.witness.memory import Memory
from audit.witness.witness import Witness
from tests.audit.witness.logs import Log


@pytest.fixture(scope="session")
def the_log() -> Log:
    return Log("log.example/ledger")


@pytest.fixture
def witness(tmp_path: Path, the_log: Log) -> Witness:
    """One that knows the log, and has seen nothing of it yet."""
    cosigner = Cosigner(generate_signer("witness.example/w1"))
    return Witness(cosigner, {the_log.origin: [the_log.signer.verifier]}, Memory(tmp_path / "w"))
