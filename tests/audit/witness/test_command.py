from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import generate_signer
from audit.witness import config
from tests.audit.test_ledger import publish
from tests.audit.witness.logs import Log
from tests.people import Cast


@pytest.fixture(autouse=True)
def here(settings: Any, tmp_path: Path) -> None:
    settings.SIGNER_KEY = tmp_path / "signer"
    settings.WITNESS_KEY = tmp_path / "witness"
    settings.WITNESS_DIR = tmp_path / "seen"


def told() -> tuple[int, str]:
    said = StringIO()
    try:
        call_command("witness", stdout=said)
    except SystemExit as ended:
        return int(ended.code or 0), said.getvalue()
    return 0, said.getvalue()


def test_without_any_it_says_so(db: None) -> None:
    code, said = told()
    assert code == 0
    assert "We witness no log" in said
    assert "0 witnesses are asked" in said
    assert "No checkpoint has been signed yet." in said


def test_it_says_what_it_has_seen_of_whom(db: None, settings: Any, the_log: Log) -> None:
    other = Log("other.example", entries=1)
    settings.WITNESS_LOGS = [f"{log.origin} {log.signer.verifier.vkey}" for log in (the_log, other)]
    ours = config.witness()
    assert ours is not None
    ours.add_checkpoint(the_log.request(0, 7))
    _code, said = told()
    assert f"We witness as {ours.cosigner.verifier.vkey}\n" in said
    assert f"  {the_log.origin}: 7 entries cosigned\n" in said
    assert f"  {other.origin}: nothing seen yet\n" in said
    next(settings.WITNESS_DIR.glob("*.checkpoint")).write_text("torn")
    assert "unknown" in told()[1]


@pytest.mark.parametrize("needed", [0, 1])
def test_a_missing_quorum_is_its_exit_code(cast: Cast, settings: Any, needed: int) -> None:
    witness = Cosigner(generate_signer("w1.example"))
    settings.WITNESSES = [f"https://w1.example {witness.verifier.vkey}"]
    settings.WITNESS_QUORUM = needed
    path = settings.SIGNER_KEY
    stored = publish(LedgerSigner(keys.ensure_signer_key(path), path.with_suffix(".state")))
    assert stored is not None
    code, said = told()
    assert code == needed
    assert f"{stored.size} entries is cosigned by nobody; {needed} are needed." in said
