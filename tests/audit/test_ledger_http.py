"""The log as outsiders fetch it: checkpoint, tiles, entries, proofs."""

import hashlib
from pathlib import Path

import pytest
from django.test import Client

from audit.accounts import token_issue
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import ApiToken, Event
from audit.proofs import merkle, tiles
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.tlog_proof import TlogProof
from tests.audit.test_ledger import add_services, publish
from tests.people import TESTS, Cast


@pytest.fixture
def signer(tmp_path: Path, settings: object) -> LedgerSigner:
    path = tmp_path / "signer"
    settings.SIGNER_KEY = path
    return LedgerSigner(keys.ensure_signer_key(path), path.with_suffix(".state"))


@pytest.fixture
def reader(cast: Cast) -> dict[str, str]:
    """The headers of a client that may read the record."""
    secret = token_issue(token=ApiToken(name="reader", scopes=["audit:read"]), by=TESTS)
    return {"Authorization": f"Bearer {secret}"}


def test_before_the_first_checkpoint_there_is_none(cast: Cast, client: Client) -> None:
    assert client.get("/ledger/checkpoint").status_code == 404


def test_the_checkpoint_is_public_and_opens_with_the_published_key(
    cast: Cast, signer: LedgerSigner, client: Client
) -> None:
    publish(signer)
    response = client.get("/ledger/checkpoint", headers={"Accept": "text/plain"})
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    opened = Checkpoint.open(response.content, keys.verifiers(), origin=keys.verifiers()[0].name)
    assert opened.size == Event.objects.count()
    assert keys.verifier_key() in client.get("/ledger/").content.decode()


def test_tiles_lead_to_the_signed_root(cast: Cast, signer: LedgerSigner, client: Client) -> None:
    add_services(260)
    publish(signer)
    opened = Checkpoint.parse(
        client.get("/ledger/checkpoint").content.decode().split("\n\n")[0] + "\n"
    )

    def fetch(level: int, index: int, width: int) -> bytes:
        return client.get(f"/ledger/{tiles.Tile(level, index, width).path}").content

    reader = tiles.TileReader(fetch, opened.size)
    assert merkle.Frontier.read(opened.size, reader.node).root() == opened.root


def test_a_tile_never_changes_and_says_so(cast: Cast, signer: LedgerSigner, client: Client) -> None:
    publish(signer)
    before = client.get("/ledger/tile/0/000.p/9")
    assert "immutable" in before.headers["Cache-Control"]
    add_services(300)
    publish(signer)
    assert client.get("/ledger/tile/0/000.p/9").content == before.content
    assert client.get("/ledger/tile/0/000").content[: 9 * 32] == before.content


@pytest.mark.parametrize(
    "path",
    [
        "0/999",
        "0/000.p/256",
        "0/x000/000",
        "64/000",
        "0/0",
        "entries/000.p/0",
        "../checkpoint",
        "0/",
    ],
)
def test_what_is_no_tile_is_not_found(
    cast: Cast, signer: LedgerSigner, client: Client, path: str
) -> None:
    publish(signer)
    assert client.get(f"/ledger/tile/{path}").status_code == 404


def test_entries_are_for_readers_of_the_record(
    cast: Cast, signer: LedgerSigner, client: Client, reader: dict[str, str]
) -> None:
    publish(signer)
    path = "/ledger/tile/entries/000.p/3"
    assert client.get(path).status_code == 401
    client.force_login(cast.commander)
    assert client.get(path).status_code == 403
    client.logout()
    response = client.get(path, headers=reader)
    assert response.headers["Cache-Control"] == "private, no-store"
    entries = [bytes(event.entry) for event in Event.objects.order_by("id")[:3]]
    assert tiles.decode_bundle(response.content, 3) == entries


def test_a_proof_proves_its_event_with_nothing_but_the_key(
    cast: Cast, signer: LedgerSigner, client: Client, reader: dict[str, str]
) -> None:
    publish(signer)
    event = Event.objects.order_by("id")[4]
    response = client.get(f"/api/v1/audit/events/{event.pk}/proof/", headers=reader)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    proof = TlogProof.parse(response.content)
    proof.verify(bytes(event.entry), keys.verifiers(), origin=keys.verifiers()[0].name)
    assert hashlib.sha256(b"\0" + bytes(event.entry)).digest() == bytes(event.leaf_hash)


def test_a_proof_that_is_not_there_yet_says_when(
    cast: Cast, signer: LedgerSigner, client: Client, reader: dict[str, str]
) -> None:
    publish(signer)
    add_services(1)
    newest = Event.objects.latest("id").pk
    response = client.get(f"/api/v1/audit/events/{newest}/proof/", headers=reader)
    assert (response.status_code, response.json()["error_code"]) == (409, "CONFLICT")
    assert response.headers["Retry-After"] == "2"
    missing = client.get(f"/api/v1/audit/events/{newest + 99}/proof/", headers=reader)
    assert missing.status_code == 404


def test_proofs_are_for_readers_of_the_record(
    cast: Cast, signer: LedgerSigner, client: Client
) -> None:
    publish(signer)
    path = f"/api/v1/audit/events/{Event.objects.earliest('id').pk}/proof/"
    assert client.get(path).status_code == 401
    client.force_login(cast.responder)
    assert client.get(path).status_code == 403
    client.force_login(cast.auditor)
    assert client.get(path).status_code == 200
