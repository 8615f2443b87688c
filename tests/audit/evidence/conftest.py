from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from tests.audit.evidence.drafts import Draft, check
from tests.audit.test_ledger import add_services, publish
from tests.people import Cast

Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def signer(tmp_path: Path, settings: Any) -> LedgerSigner:
    settings.SIGNER_KEY = tmp_path / "signer"
    return LedgerSigner(keys.ensure_signer_key(settings.SIGNER_KEY), tmp_path / "signer.state")


@pytest.fixture
def verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verify:
    """Exit code and words of the verifier for a draft, or for a pack that is there."""

    def run(pack: Draft | Path, *options: str) -> tuple[int, str]:
        path = pack.write(tmp_path) if isinstance(pack, Draft) else pack
        code = check(path, *options, monkeypatch=monkeypatch)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture
def ledger(cast: Cast, signer: LedgerSigner) -> Cast:
    """Some events under a checkpoint."""
    add_services(5)
    publish(signer)
    return cast


@pytest.fixture
def committed_ledger(committed_cast: Cast, signer: LedgerSigner) -> Cast:
    add_services(3)
    publish(signer)
    return committed_cast
