from pathlib import Path

import pytest
from django.conf import settings

from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from tests.audit.retention.small import add_many, add_services, make_small, publish
from tests.people import Cast, make_cast


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerSigner:
    monkeypatch.setattr(settings, "SIGNER_KEY", tmp_path / "signer")
    monkeypatch.setattr(settings, "JOURNAL_DIR", tmp_path / "journal")
    return LedgerSigner(keys.ensure_signer_key(tmp_path / "signer"), tmp_path / "signer.state")


@pytest.fixture
def aged(committed_db: None, signer: LedgerSigner) -> Cast:
    """Two full partitions and some more, all under a signed checkpoint."""
    make_small()
    cast = make_cast()
    add_many("first")
    add_services(60)
    add_many("last")
    publish(signer)
    return cast


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "archive"
