from pathlib import Path

import pytest
from django.conf import settings

from audit.ledger import keys
from audit.ledger.signer import LedgerSigner


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerSigner:
    monkeypatch.setattr(settings, "SIGNER_KEY", tmp_path / "signer")
    return LedgerSigner(keys.ensure_signer_key(tmp_path / "signer"), tmp_path / "signer.state")
