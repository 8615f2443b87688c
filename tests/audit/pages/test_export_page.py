"""Taking part of the record along from the list."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.event_filters import Cursor, EventFilter
from audit.evidence import selection
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from audit.rows import row_save
from audit.selectors import entry_of, event_page
from incidents.models import Service
from tests.audit.sequencing import sequenced
from tests.audit.test_ledger import publish
from tests.entries import actor_of
from tests.people import TESTS, Cast, with_second_factor

URL = reverse("audit:event-export")


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.auditor)
    return with_second_factor(client, cast.auditor)


def read(response: object) -> bytes:
    """To the end, at which the test client closes it in a way that keeps the transaction."""
    return b"".join(response.streaming_content)  # type: ignore[attr-defined] # an answer that streams


def test_the_list_leads_to_it_with_its_filters(auditor: Client) -> None:
    page = auditor.get(reverse("audit:event-list"), {"actor": "user:ada"}).content.decode()
    assert f"{URL}?actor=user:ada" in page
    assert "actor user:ada" in auditor.get(f"{URL}?actor=user:ada").content.decode()


def test_ndjson_is_just_what_the_filters_find(auditor: Client) -> None:
    row_save(instance=Service(slug="a", name="A"), by=TESTS)
    added = Event.objects.order_by("-id")[0]
    row_save(instance=Service(slug="b", name="B"), by=TESTS)
    answer = {"reason": "The yearly audit", "form": "ndjson"}
    response = auditor.post(f"{URL}?target={added.target}", answer)
    assert read(response) == bytes(added.entry) + b"\n"
    assert response["Content-Disposition"].startswith('attachment; filename="record-')
    asked = event_page(EventFilter(event="evidence_export_requested"), Cursor(), limit=1).events[0]
    assert entry_of(asked)["data"]["reason"] == "The yearly audit"
    assert actor_of(asked) == "user:auditor"


def test_a_pack_is_a_zip_with_proofs(auditor: Client, tmp_path: Path, settings: Any) -> None:
    settings.SIGNER_KEY = tmp_path / "signer"
    signer = LedgerSigner(keys.ensure_signer_key(settings.SIGNER_KEY), tmp_path / "signer.state")
    row_save(instance=Service(slug="a", name="A"), by=TESTS)
    publish(signer)
    answer = {"reason": "The yearly audit", "form": "pack"}
    response = auditor.post(f"{URL}?event=service_added", answer)
    with zipfile.ZipFile(io.BytesIO(read(response))) as pack:
        assert len([name for name in pack.namelist() if name.endswith(".tlog-proof")]) == 1


def test_everything_about_an_object_is_exported_too(auditor: Client) -> None:
    service = Service(slug="a", name="A")
    row_save(instance=service, by=TESTS)
    row_save(instance=service, by=TESTS)
    sequenced()
    answer = {"reason": "x", "form": "ndjson"}
    response = auditor.post(f"{URL}?about=incidents.service:{service.pk}", answer)
    assert len(read(response).splitlines()) == 2


def test_a_part_is_never_given_for_the_whole(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PATIENCE", 0)
    row_save(instance=Service(slug="a", name="quartz"), by=TESTS)
    response = auditor.post(
        f"{URL}?text=quartz&event=service_added", {"reason": "x", "form": "ndjson"}
    )
    assert response.status_code == 409
    assert "does not know all entries yet" in response.content.decode()
    sequenced()
    response = auditor.post(
        f"{URL}?text=quartz&event=service_added", {"reason": "x", "form": "ndjson"}
    )
    assert len(read(response).splitlines()) == 1


def test_a_while_is_put_on_record_as_the_instants_that_it_meant(auditor: Client) -> None:
    read(auditor.post(f"{URL}?within=1h", {"reason": "x", "form": "ndjson"}))
    asked = event_page(EventFilter(event="evidence_export_requested"), Cursor(), limit=1).events[0]
    assert set(entry_of(asked)["data"]["selection"]) == {"from"}


@pytest.mark.parametrize("form", ["pack", "ndjson"])
def test_it_takes_a_reason(auditor: Client, form: str) -> None:
    before = Event.objects.count()
    assert auditor.post(URL, {"reason": " ", "form": form}).status_code == 400
    assert Event.objects.count() == before


def test_too_much_is_said_to_be_so(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_EVENTS", 3)
    response = auditor.post(URL, {"reason": "x", "form": "ndjson"})
    assert response.status_code == 400
    assert "matches more than 3 events; narrow it" in response.content.decode()


def test_nothing_found_is_said_to_be_so(auditor: Client) -> None:
    response = auditor.post(f"{URL}?actor=user:nobody", {"reason": "x", "form": "ndjson"})
    assert response.status_code == 400
    assert "matches no event" in response.content.decode()


def test_filters_that_are_wrong_lead_nowhere(auditor: Client) -> None:
    assert auditor.get(f"{URL}?verdict=maybe").status_code == 404
    assert auditor.post(URL, {"reason": "x", "form": "pdf"}).status_code == 404


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_others_take_nothing(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    assert client.post(URL, {"reason": "x", "form": "ndjson"}).status_code == 403
