"""The gate's page: the laws and what they stopped, its state, its release, the review."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.approvals.services import approval_give
from audit.gate import latch, vectors
from audit.gate.axioms import PINNED
from audit.gate.four_laws import LAWS
from audit.latches import record_latch
from audit.models import Event, GateLatch, Stopped
from portal.lib.errors import GovernanceDenied
from tests.audit.pages.test_approvals_pages import entered
from tests.audit.test_approvals import dismissed
from tests.people import Cast

URL = reverse("audit:governance")
RELEASE = {"do": "release", "reason": "A disk was swapped; the file is back."}


@pytest.fixture
def administrator(cast: Cast) -> Client:
    return entered(cast, "administrator")


def latched(reason: str = "the axioms changed") -> GateLatch:
    latch.close(reason, {"voter": "axioms"})
    row = record_latch()
    assert row is not None
    return row


def test_each_law_is_there_with_its_axioms(administrator: Client) -> None:
    page = administrator.get(URL).content.decode()
    for law in LAWS:
        assert law.title in page
        assert law.axioms
        for name, says in law.axioms.items():
            assert name in page
            assert says in page
    assert PINNED in page


def stop_one(cast: Cast) -> None:
    asked = dismissed(cast)
    with pytest.raises(GovernanceDenied):
        approval_give(asked=asked, by=cast.principal("commander"))


def counted(client: Client) -> dict[str, int]:
    return {
        name: count
        for _law, axioms in client.get(URL).context["laws"]
        for name, _says, count in axioms
        if count
    }


def test_it_counts_what_each_axiom_stopped(cast: Cast, administrator: Client) -> None:
    assert counted(administrator) == {}
    stop_one(cast)
    assert counted(administrator) == {"no-self-approval": 1}


def test_it_says_since_when(cast: Cast, administrator: Client) -> None:
    response = administrator.get(URL)
    assert response.context["stopped"].since <= Event.objects.earliest("id").at
    assert "Denials counted since" in response.content.decode()


def test_counting_costs_the_same_however_many(cast: Cast, administrator: Client) -> None:
    def queries() -> list[str]:
        administrator.get(URL)
        with CaptureQueriesContext(connection) as captured:
            administrator.get(URL)
        return [query["sql"] for query in captured]

    few = queries()
    rows = Stopped.objects.count()
    for _ in range(12):
        stop_one(cast)
    many = queries()
    assert len(many) == len(few)
    assert counted(administrator) == {"no-self-approval": 12}
    # One connection, one axiom: one row more, whatever the number of denials.
    assert Stopped.objects.count() == rows + 1
    assert not [sql for sql in many if "audit_event" in sql and "verdict" in sql]


def test_an_open_gate_is_said_to_be_open(administrator: Client) -> None:
    response = administrator.get(URL)
    assert not response.context["is_latched"]
    assert "every known vector is right" in response.content.decode()
    refused = administrator.post(URL, RELEASE)
    assert refused.status_code == 409
    assert "The gate is open." in refused.content.decode()


def test_looking_changes_nothing(cast: Cast, administrator: Client) -> None:
    latch.close("a test", {})
    before = Event.objects.count()
    assert "a test" in administrator.get(URL).content.decode()
    assert (Event.objects.count(), GateLatch.objects.exists()) == (before, False)


def test_it_is_released_and_reviewed(committed_cast: Cast) -> None:
    administrator = entered(committed_cast, "administrator")
    row = latched()
    assert "the axioms changed" in administrator.get(URL).content.decode()
    assert administrator.post(URL, {"do": "release", "reason": " "}).status_code == 400
    assert administrator.post(URL, RELEASE).status_code == 302
    row.refresh_from_db()
    assert row.release_reason == RELEASE["reason"]
    assert latch.closed() is None
    review = {"do": "review", "latch": str(row.pk), "review": "A cable"}
    assert "released, not reviewed" in administrator.get(URL).content.decode()
    assert administrator.post(URL, {**review, "review": ""}).status_code == 400
    administrator.post(URL, review)
    row.refresh_from_db()
    assert row.review == "A cable"


def test_a_latch_that_is_not_on_record_yet_is_released_too(committed_cast: Cast) -> None:
    administrator = entered(committed_cast, "administrator")
    latch.close("a test", {})
    assert administrator.post(URL, RELEASE).status_code == 302
    assert GateLatch.objects.get().release_reason == RELEASE["reason"]
    assert latch.closed() is None


def test_it_stays_closed_while_the_verification_fails(
    cast: Cast, administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    latched()
    # Told by the verification alone: the gate itself would not let the release through either.
    monkeypatch.setattr(vectors, "failures", lambda: ["no answer from it"])
    assert "no answer from it" in administrator.get(URL).content.decode()
    refused = administrator.post(URL, RELEASE)
    assert refused.status_code == 409
    assert RELEASE["reason"] in refused.content.decode()
    assert GateLatch.objects.get().released_at is None


def test_an_auditor_sees_it_and_releases_nothing(cast: Cast) -> None:
    auditor = entered(cast, "auditor")
    latched()
    page = auditor.get(URL).content.decode()
    assert "The gate is latched." in page
    assert "Verify and release" not in page
    assert auditor.post(URL, RELEASE).status_code == 403
    assert GateLatch.objects.get().released_at is None


@pytest.mark.parametrize("name", ["outsider", "responder", "commander"])
def test_others_do_not_see_it(cast: Cast, name: str) -> None:
    assert entered(cast, name).get(URL).status_code == 403


def test_a_review_of_what_is_not_there_is_not_found(cast: Cast, administrator: Client) -> None:
    for number in ("", "x", "00000000-0000-0000-0000-000000000001"):
        refused = administrator.post(URL, {"do": "review", "latch": number, "review": "A cable"})
        assert refused.status_code == 404
