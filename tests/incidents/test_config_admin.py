"""Services, sources and the severity mapping, as administrators edit them."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.principal import client
from audit.rows import row_save
from incidents.ingest.types import NormalizedAlert
from incidents.models import Service, SeverityRule, Source
from incidents.services.alerts import alerts_receive
from incidents.services.routing import severity_of
from incidents.severity import Severity
from tests.people import TESTS, Cast

RULE = "admin:incidents_severityrule"


@pytest.fixture
def administrator(cast: Cast) -> Client:
    browser = Client()
    browser.force_login(cast.administrator)
    return browser


def line(**fields: object) -> dict[str, object]:
    return {
        "position": 5,
        "texts": "",
        "label_names": "",
        "label_values": "",
        "severity": "P0",
        **fields,
    }


def alert(text: str, **labels: str) -> NormalizedAlert:
    return NormalizedAlert(dedup_key="k", summary="Boom", severity_text=text, labels=labels)


def test_a_line_that_is_added_decides_from_then_on(administrator: Client) -> None:
    asked = alert("Page", team="payments")
    assert severity_of(asked) == Severity.P2
    typed = line(texts="PAGE, wake up", label_names="team", label_values="payments, checkout")
    assert administrator.post(reverse(f"{RULE}_add"), typed).status_code == 302
    rule = SeverityRule.objects.get(position=5)
    assert (rule.texts, rule.label_values) == (["page", "wake up"], ["payments", "checkout"])
    assert severity_of(asked) == Severity.P0
    assert severity_of(alert("Page", team="search")) == Severity.P2


def test_the_list_reads_as_a_table_in_order(administrator: Client) -> None:
    page = administrator.get(reverse(f"{RULE}_changelist")).content.decode()
    said = [
        "with any label = audit or governance or database",
        "with alertname = ServiceDown",
        "error or high",
        "warning or medium",
        "anything, or nothing",
    ]
    places = [page.rindex(text) for text in said]
    assert places == sorted(places)
    assert "where none fits, it is P2" in page


def test_a_position_is_offered_below_the_last(administrator: Client) -> None:
    form = administrator.get(reverse(f"{RULE}_add")).context["adminform"].form
    assert form["position"].value() == 100


def test_nobody_makes_it_a_p0_by_not_choosing(administrator: Client) -> None:
    response = administrator.post(reverse(f"{RULE}_add"), line(severity=""))
    assert "severity" in response.context["adminform"].form.errors
    assert not SeverityRule.objects.filter(position=5).exists()


def test_two_lines_do_not_share_a_position(administrator: Client) -> None:
    response = administrator.post(reverse(f"{RULE}_add"), line(position=10))
    assert "position" in response.context["adminform"].form.errors


@pytest.mark.parametrize(("model", "name"), [(Service, "service"), (Source, "source")])
def test_what_alerts_name_a_thing_by_stays(
    administrator: Client, model: type[Service | Source], name: str
) -> None:
    row = model(slug="checkout", name="Checkout")
    row_save(instance=row, by=TESTS)
    address = reverse(f"admin:incidents_{name}_change", args=[row.pk])
    form = administrator.get(address).context["adminform"].form
    typed = {"name": "Shop", "slug": "shop", "description": "", "seen": form.initial["seen"]}
    assert administrator.post(address, typed).status_code == 302
    row.refresh_from_db()
    assert (row.slug, row.name) == ("checkout", "Shop")


def test_a_service_is_put_on_the_status_page_and_taken_off_it(administrator: Client) -> None:
    row = Service(slug="checkout", name="Checkout")
    row_save(instance=row, by=TESTS)
    address = reverse("admin:incidents_service_change", args=[row.pk])
    for is_on, stored in (("on", True), ("", None)):
        form = administrator.get(address).context["adminform"].form
        typed = {"name": "Checkout", "description": "", "seen": form.initial["seen"]}
        data = {**typed, "is_public": is_on} if is_on else typed
        assert administrator.post(address, data).status_code == 302
        row.refresh_from_db()
        assert row.is_public is stored


def test_a_source_that_sent_alerts_stays(cast: Cast, administrator: Client) -> None:
    alerts_receive(
        source=cast.source, alerts=[alert("critical")], body_sha256=b"1" * 32, by=client(cast.token)
    )
    address = reverse("admin:incidents_source_delete", args=[cast.source.pk])
    needed_by = administrator.get(address).context["needed_by"]
    assert needed_by == {"alert receipts": "1"}
    assert administrator.post(address, {"reason": "Retired"}).status_code == 409
    assert Source.objects.filter(pk=cast.source.pk).exists()


@pytest.mark.parametrize("name", ["responder", "commander", "auditor"])
def test_others_may_look_and_no_more(cast: Cast, name: str) -> None:
    browser = Client()
    browser.force_login(getattr(cast, name))
    assert browser.get(reverse(f"{RULE}_changelist")).status_code == 200
    assert browser.post(reverse(f"{RULE}_add"), line()).status_code == 403
    assert not SeverityRule.objects.filter(position=5).exists()
