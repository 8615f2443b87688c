"""What was erased is certified, and anybody can check it."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from audit.erasure.certificate import certificate, check
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import ApprovalRequest
from audit.proofs.errors import ProofError
from portal.lib.errors import (
    Conflict,
)
from tests.audit.erasure.lives import (
    EMAIL,
    NAME,
    checkpointed,
    erased,
    lived,
    zebedee,
)
from tests.people import Cast


def test_a_certificate_proves_the_erasure_offline(
    committed_cast: Cast,
    signer: LedgerSigner,
    client: Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cast = committed_cast
    user = lived(cast)
    erasure = erased(cast, user)
    client.force_login(cast.administrator)
    page = reverse("audit:erasure-detail", args=[erasure.event_id])
    download = reverse("audit:erasure-certificate", args=[erasure.event_id])
    assert "waits for the next signed checkpoint" in client.get(page).content.decode()
    assert client.get(download).status_code == 409
    checkpointed(signer)
    content = client.get(download).content
    verifiers = keys.verifiers()
    proven = check(content, verifiers, origin=verifiers[0].name)
    assert proven["subject"] == f"user:{erasure.subject}"
    assert proven["counts"]["destroyed"]["sealed_values"] > 0
    shown = client.get(page).content.decode()
    assert "user:administrator" in shown
    assert erasure.subject in shown
    for gone in (NAME, EMAIL, "Quixote"):
        assert gone not in content.decode() + shown
    for name, forged in {"subject": "user:~0", "reason": "none", "counts": {}}.items():
        body = json.dumps({**json.loads(content), name: forged}).encode()
        with pytest.raises(ProofError, match=name):
            check(body, verifiers, origin=verifiers[0].name)
    body = json.loads(content)
    body["entry"] = body["entry"].replace("person_erased", "person_praised")
    with pytest.raises(ProofError):
        check(json.dumps(body).encode(), verifiers, origin=verifiers[0].name)
    file = tmp_path / "certificate.json"
    file.write_bytes(content)
    call_command("check_certificate", str(file))
    assert "It holds" in capsys.readouterr().out


def test_a_certificate_waits_for_its_checkpoint(cast: Cast) -> None:
    with pytest.raises(Conflict):
        certificate(erased(cast, zebedee()))


def test_the_page_asks_for_a_reason_and_for_the_right_name(cast: Cast, client: Client) -> None:
    user = zebedee()
    client.force_login(cast.administrator)
    url = reverse("audit:person-erase", args=[user.pk])
    assert "cannot be undone" in client.get(url).content.decode()
    wrong = client.post(url, {"reason": "They asked", "username": "zebedee"})
    assert wrong.status_code == 400
    assert not ApprovalRequest.objects.exists()
    right = client.post(url, {"reason": "They asked", "username": NAME})
    asked = ApprovalRequest.objects.get()
    assert right.url == reverse("audit:approval-detail", args=[asked.pk])
    client.force_login(cast.approver)
    assert NAME in client.get(right.url).content.decode()


def test_the_page_is_for_administrators(cast: Cast, client: Client) -> None:
    url = reverse("audit:person-erase", args=[zebedee().pk])
    client.force_login(cast.auditor)
    assert client.get(url).status_code == 403
    assert client.post(url).status_code == 403
