import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.accounts import token_issue
from audit.evidence import views
from audit.ledger.signer import LedgerSigner
from audit.models import ApiToken, Event
from audit.models.token import new_secret
from tests.audit.evidence.conftest import Verify
from tests.audit.test_gate import Broken, voting
from tests.audit.test_ledger import add_services, publish
from tests.authenticator import enrol
from tests.database import as_superuser
from tests.entries import actor_of
from tests.people import TESTS, Cast, with_second_factor

URL = "/api/v1/audit/export/"


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.audit.evidence.addresses"


@pytest.fixture
def ledger(cast: Cast, signer: LedgerSigner) -> Cast:
    # Before the checkpoint, which then covers it.
    enrol(cast.auditor)
    add_services(4)
    publish(signer)
    return cast


def as_person(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return with_second_factor(client, getattr(cast, name))


def with_token(*scopes: str, user: Any = None) -> Client:
    token = ApiToken(name=f"t{new_secret()[4:20]}", scopes=list(scopes), user=user)
    secret = token_issue(token=token, by=TESTS)
    return Client(headers={"authorization": f"Bearer {secret}"})


def content_of(response: Any) -> bytes:
    """Read to the end, at which the test client closes it in a way that keeps the transaction."""
    return b"".join(response.streaming_content) if response.streaming else response.content


def post(client: Client, **fields: Any) -> Any:
    return client.post(URL, json.dumps({"reason": "audit", **fields}), "application/json")


def test_the_record_as_lines(ledger: Cast) -> None:
    response = as_person(ledger, "auditor").get(URL, {"event": "service_added"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-ndjson")
    lines = content_of(response).splitlines()
    events = Event.objects.filter(event="service_added").order_by("pk")
    assert lines == [bytes(event.entry) for event in events]


@pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "text/html", "image/png"])
def test_it_has_one_form_whatever_is_accepted(ledger: Cast, accept: str) -> None:
    client = as_person(ledger, "auditor")
    response = client.get(URL, {"event": "service_added"}, headers={"accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-ndjson")
    content_of(response)


def test_what_is_sent_is_what_is_on_record(ledger: Cast) -> None:
    response = as_person(ledger, "auditor").get(URL, {"target": "incidents.service:*"})
    digest = hashlib.sha256(content := content_of(response)).digest()
    assert response["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert response["Content-Length"] == str(len(content))
    assert response["Cache-Control"] == "private, no-store"
    released = json.loads(bytes(Event.objects.latest("pk").entry))
    assert released["data"]["sha256"] == digest.hex()


def test_an_evidence_pack(ledger: Cast, tmp_path: Path, verify: Verify) -> None:
    response = post(as_person(ledger, "auditor"), event="service_added")
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    asked = Event.objects.filter(event="evidence_export_requested").latest("pk")
    assert f'filename="evidence-{asked.pk}.zip"' in response["Content-Disposition"]
    (tmp_path / "pack.zip").write_bytes(content_of(response))
    code, said = verify(tmp_path / "pack.zip")
    assert (code, "4 entries are in the log" in said) == (0, True)


def test_events_may_be_a_list_or_ranges(ledger: Cast) -> None:
    numbers = list(Event.objects.filter(event="service_added").values_list("pk", flat=True))
    client = as_person(ledger, "auditor")
    for events in (numbers, f"{numbers[0]}-{numbers[-1]}", numbers[0]):
        response = post(client, events=events)
        assert response.status_code == 200
        content_of(response)


FORM = ("reason=x&event=service_added", "application/x-www-form-urlencoded")


def test_a_page_may_post_a_form(ledger: Cast) -> None:
    response = as_person(ledger, "auditor").post(URL, *FORM)
    assert response.status_code == 200
    content_of(response)


def test_a_form_from_elsewhere_is_refused(ledger: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ledger.auditor)
    response = client.post(URL, *FORM)
    assert (response.status_code, "CSRF" in response.json()["message"]) == (403, True)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": ["x", {}]}, "reason"),
        ({"from": "yesterday"}, "from"),
        ({"events": "x"}, "events"),
        ({"events": [True]}, "events"),
        ({"known_sizes": "x"}, "known_sizes"),
        ({"target": "nothing"}, "selection"),
    ],
)
def test_what_is_wrong_is_named(ledger: Cast, fields: dict[str, Any], named: str) -> None:
    response = post(as_person(ledger, "auditor"), **fields)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, named)


@pytest.mark.parametrize("body", ["[]", "1", "nonsense", '"x"'])
def test_a_body_that_is_no_object_is_refused(ledger: Cast, body: str) -> None:
    response = as_person(ledger, "auditor").post(URL, body, "application/json")
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_other_roles_are_refused_on_record(ledger: Cast, name: str) -> None:
    for response in (
        as_person(ledger, name).get(URL),
        post(as_person(ledger, name), event="service_added"),
    ):
        assert (response.status_code, response.json()["error_code"]) == (403, "GOVERNANCE_DENIED")
        assert Event.objects.latest("pk").event == "governance_denied"
        assert actor_of(Event.objects.latest("pk")) == f"user:{name}"


def test_nobody_is_asked_to_sign_in(ledger: Cast) -> None:
    assert Client().get(URL).status_code == 401
    assert post(Client()).status_code == 401


def test_tokens_need_the_scope_and_their_persons_right(ledger: Cast) -> None:
    query = {"event": "service_added"}
    for client, status in [
        (with_token("audit:read"), 200),
        (with_token("admin"), 200),
        (with_token("incidents:read"), 403),
        (with_token("audit:read", user=ledger.auditor), 200),
        (with_token("audit:read", user=ledger.responder), 403),
        (with_token("incidents:read", user=ledger.auditor), 403),
    ]:
        response = client.get(URL, query)
        assert response.status_code == status
        content_of(response)


def test_a_broken_gate_blocks(ledger: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = as_person(ledger, "auditor")
    voting(monkeypatch, Broken(RuntimeError("boom")))
    response = client.get(URL)
    assert (response.status_code, response.json()["error_code"]) == (403, "GOVERNANCE_FAILURE")


def test_without_the_ledger_nothing_is_sent(committed_cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    client = as_person(committed_cast, "auditor")
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    for response in (client.get(URL), post(client, event="user_created")):
        assert (response.status_code, response.json()["error_code"]) == (503, "AUDIT_UNAVAILABLE")


@pytest.mark.parametrize("method", ["get", "post"])
def test_one_that_takes_too_long_is_refused_on_record_and_says_what_to_do(
    ledger: Cast, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(views, "SECONDS", 0.0)
    kind = {"content_type": "application/json"} if method == "post" else {}
    refused = getattr(as_person(ledger, "auditor"), method)(URL, {"reason": "a case"}, **kind)
    assert refused.status_code == 400
    assert "narrow it, or use manage.py export_evidence" in refused.json()["message"]
    assert Event.objects.latest("id").event == "evidence_export_failed"
