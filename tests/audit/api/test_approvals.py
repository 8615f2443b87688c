"""`/api/v1/audit/approvals/`: what waits for approval, for programs that act for a person."""

from typing import Any

import pytest
from django.test import Client

from audit.accounts import token_issue
from audit.approvals.services import approval_give
from audit.models import ApiToken, ApprovalRequest
from incidents.models import Incident
from incidents.procedure import State
from portal.lib.errors import NotFound
from tests.audit.test_approvals import dismissed, state
from tests.incidents.arranging import restrict
from tests.incidents.making import opened
from tests.people import TESTS, Cast

URL = "/api/v1/audit/approvals/"


def bearer(cast: Cast, name: str, *scopes: str) -> dict[str, str]:
    user = getattr(cast, name) if name else None
    token = ApiToken(name=f"{name}-token", scopes=list(scopes), user=user)
    return {"Authorization": f"Bearer {token_issue(token=token, by=TESTS)}"}


def answer(
    client: Client, asked: ApprovalRequest, verb: str, headers: dict[str, str], reason: str = ""
) -> Any:
    return client.post(
        f"{URL}{asked.pk}/{verb}/", {"reason": reason}, "application/json", headers=headers
    )


def test_it_lists_what_waits(cast: Cast, client: Client) -> None:
    asked = dismissed(cast)
    body = client.get(URL, headers=bearer(cast, "approver", "audit:read")).json()
    [waiting] = body["waiting"]
    assert (waiting["id"], waiting["state"]) == (str(asked.pk), "pending")
    assert (waiting["approved"], waiting["needed"]) == (0, 1)
    assert waiting["page"].endswith(f"/approvals/{asked.pk}/")
    assert body["settled"] == []


def test_approving_runs_it(cast: Cast, client: Client) -> None:
    asked = dismissed(cast)
    response = answer(client, asked, "approve", bearer(cast, "approver", "admin"), "Seen")
    body = response.json()
    assert (response.status_code, body["state"], body["approved"]) == (200, "executed", 1)
    assert [(a["approver"], a["reason"]) for a in body["answers"]] == [("approver", "Seen")]
    assert Incident.objects.get().state == State.FALSE_POSITIVE


def test_denying_takes_a_reason(cast: Cast, client: Client) -> None:
    asked = dismissed(cast)
    headers = bearer(cast, "approver", "admin")
    assert answer(client, asked, "deny", headers).status_code == 400
    assert answer(client, asked, "deny", headers, "It is real").json()["state"] == "denied"


def test_who_asked_withdraws_and_does_not_approve(cast: Cast, client: Client) -> None:
    asked = dismissed(cast)
    headers = bearer(cast, "commander", "admin")
    refused = answer(client, asked, "approve", headers)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "GOVERNANCE_DENIED")
    assert answer(client, asked, "withdraw", headers).json()["state"] == "withdrawn"


def test_a_token_that_only_reads_does_not_answer(cast: Cast, client: Client) -> None:
    asked = dismissed(cast)
    refused = answer(client, asked, "approve", bearer(cast, "approver", "audit:read"))
    assert (refused.status_code, state(asked)) == (403, "pending")


@pytest.mark.parametrize("name", ["responder", "administrator"])
def test_it_does_not_exist_for_others(cast: Cast, client: Client, name: str) -> None:
    asked = dismissed(cast)
    headers = bearer(cast, name, "admin")
    assert client.get(URL, headers=headers).json() == {
        "waiting": [],
        "settled": [],
        "older": None,
    }
    assert client.get(f"{URL}{asked.pk}/", headers=headers).status_code == 404
    assert answer(client, asked, "approve", headers).status_code == 404


def test_a_token_that_acts_for_nobody_gets_nothing(cast: Cast, client: Client) -> None:
    assert client.get(URL, headers=bearer(cast, "", "admin")).status_code == 403
    assert client.get(URL).status_code == 401


def test_about_a_restricted_incident_it_exists_for_those_let_in(cast: Cast, client: Client) -> None:
    incident = opened(cast, "P0")
    restrict(incident, cast.commander)
    asked = dismissed(cast, Incident.objects.get())
    headers = bearer(cast, "approver", "admin")
    assert client.get(URL, headers=headers).json()["waiting"] == []
    assert client.get(f"{URL}{asked.pk}/", headers=headers).status_code == 404
    assert answer(client, asked, "approve", headers).status_code == 404
    with pytest.raises(NotFound):
        approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "pending"
    restrict(incident, cast.approver)
    assert len(client.get(URL, headers=headers).json()["waiting"]) == 1
