import pytest
from django.urls import reverse

from incidents.models import AlertReceipt
from tests.incidents.arranging import alert
from tests.incidents.pages.conftest import SignIn
from tests.incidents.pages.test_dashboard import queries
from tests.people import Cast

LIST = reverse("admin:incidents_alertreceipt_changelist")


def test_each_shows_what_became_of_it(cast: Cast, sign_in: SignIn) -> None:
    incident = alert(cast, "disk", summary="Disk is full")
    client = sign_in("auditor")
    page = client.get(LIST).text
    for shown in ("Disk is full", "Probe", "disk", "firing", "Opened an incident", incident.number):
        assert shown in page


def test_it_is_narrowed_by_fate_source_and_key(cast: Cast, sign_in: SignIn) -> None:
    alert(cast, "one", summary="First")
    alert(cast, "one", summary="Second")
    alert(cast, "two", summary="Third")
    client = sign_in("auditor")
    page = client.get(LIST, {"fate": "appended"}).text
    assert "Second" in page
    assert "First" not in page
    assert "Third" in client.get(LIST, {"key": "two", "source": cast.source.pk}).text
    assert "No receipt fits" in client.get(LIST, {"key": "tw"}).text
    assert client.get(LIST, {"fate": "x", "source": "y", "before": "z"}).status_code == 200


def test_pages_are_linked(cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidents.pages.receipts.ROWS", 1)
    alert(cast, "one", summary="First")
    alert(cast, "two", summary="Second")
    newest = AlertReceipt.objects.latest("id")
    client = sign_in("auditor")
    assert f"?before={newest.pk}" in client.get(LIST).text
    page = client.get(LIST, {"before": newest.pk}).text
    assert "First" in page
    assert "Second" not in page


def test_one_shows_all_that_is_known_of_it(cast: Cast, sign_in: SignIn) -> None:
    incident = alert(cast, "disk", summary="Disk <full>", labels={"pod": "a-1"})
    receipt = AlertReceipt.objects.get()
    address = reverse("incidents:receipt-detail", args=[receipt.public_id])
    page = sign_in("auditor").get(address).text
    for shown in (
        str(receipt.public_id),
        "00" * 32,
        "Disk &lt;full&gt;",
        "&quot;pod&quot;: &quot;a-1&quot;",
        incident.number,
        f"/audit/events/{receipt.event_id}/",
    ):
        assert shown in page
    assert "/audit/events/" not in sign_in("responder").get(address).text


def test_the_admins_links_lead_there(cast: Cast, sign_in: SignIn) -> None:
    alert(cast)
    receipt = AlertReceipt.objects.get()
    response = sign_in("auditor").get(f"{LIST}{receipt.pk}/change/")
    assert response["Location"] == f"/incidents/receipts/{receipt.public_id}/"


def test_the_number_of_queries_does_not_grow(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("auditor")
    alert(cast)
    few = queries(client, LIST)
    for number in range(20):
        alert(cast, f"more-{number}")
    assert queries(client, LIST) == few
