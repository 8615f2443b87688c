"""The log's own page: open to everybody, with what anybody may know and no more."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from audit.ledger.keys import ensure_signer_key
from audit.pages.ledger import ledger_page
from tests.database import as_role
from tests.people import Cast


@pytest.fixture
def key(tmp_path: Path, settings: Any) -> Path:
    settings.SIGNER_KEY = tmp_path / "signer"
    return tmp_path / "signer"


def page() -> str:
    response = ledger_page(RequestFactory().get("/ledger/"))
    response.render()  # type: ignore[attr-defined] # a TemplateResponse
    return response.content.decode()


def sign(size: int) -> SimpleNamespace:
    note = f"vigil.example.org/ledger\n{size}\nAAAA\n\n— vigil.example.org/ledger BBBB\n"
    with as_role("vigil_signer"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, %s)",
            [size, b"\0" * 32, note],
        )
    return SimpleNamespace(size=size, note=note)


def test_it_shows_who_signs(db: None, key: Path, settings: Any) -> None:
    signer = ensure_signer_key(key)
    shown = page()
    assert settings.LEDGER_ORIGIN in shown
    assert signer.verifier.vkey.replace("+", "&#43;") in shown or signer.verifier.vkey in shown
    assert signer.skey not in shown


def test_it_shows_the_newest_checkpoint(db: None, key: Path) -> None:
    sign(3)
    newest = sign(8)
    assert newest.note in page()
    assert "<dd> 8 </dd>" in " ".join(page().split())


def test_before_the_first_checkpoint_it_says_so(db: None, key: Path) -> None:
    shown = page()
    assert "There is none yet" in shown
    assert "None has been signed yet" in shown


def test_it_says_how_to_check(db: None, key: Path, settings: Any) -> None:
    shown = page()
    for command in (
        f"curl -sSf {settings.ORIGIN}/ledger/checkpoint",
        f"{settings.ORIGIN}/api/v1/audit/events/1/proof/",
        "manage.py verify_ledger --from-checkpoint checkpoint",
    ):
        assert command in shown


def test_it_gives_away_no_entry(cast: Cast, key: Path) -> None:
    shown = page()
    for secret in ("user_created", "user:", "administrator", cast.secret):
        assert secret not in shown


def test_it_can_only_be_read(db: None, key: Path) -> None:
    assert ledger_page(RequestFactory().post("/ledger/")).status_code == 405
