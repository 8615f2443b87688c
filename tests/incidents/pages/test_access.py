"""Who gets to which page: outsiders find nothing anywhere, and a restricted incident leaves no trace
for those who were not let in."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from audit.principal import Principal, system
from incidents.models import AlertReceipt, Incident
from incidents.procedure import State
from incidents.selectors import incidents_visible_to, receipts_visible_to
from tests.incidents.arranging import alert, restrict
from tests.incidents.making import in_state, opened, written
from tests.incidents.pages.conftest import SignIn
from tests.people import Cast

SCRIPT = {"HX-Request": "true"}
ONE = [
    "incident-detail",
    "incident-live",
    "timeline-older",
    "note-add",
    "alerts-older",
    "incident-severity",
    "role-assign",
    "take-command",
    "postmortem",
    "postmortem-accept",
    "postmortem-live",
    "postmortem-markdown",
    "postmortem-pdf",
    "postmortem-submit",
    "postmortem-send-back",
    "why-begin",
    "item-add",
    "similar",
]


def addresses(incident: Incident) -> list[str]:
    one = [reverse(f"incidents:{name}", args=[incident.pk]) for name in ONE]
    note = incident.timeline.filter(kind="note").first()
    return [
        *one,
        reverse("incidents:clock-pause", args=[incident.pk, "postmortem"]),
        reverse("incidents:clock-resume", args=[incident.pk, "postmortem"]),
        reverse("incidents:incident-move", args=[incident.pk, "close"]),
        reverse("incidents:postmortem-section", args=[incident.pk, "summary"]),
        *([reverse("incidents:note-correct", args=[incident.pk, note.pk])] if note else []),
    ]


LISTS = [
    "incidents:actions",
    "incidents:postmortem-list",
    "incidents:incident-report",
    "admin:incidents_incident_changelist",
    "admin:incidents_alertreceipt_changelist",
]


def test_a_stranger_is_sent_to_sign_in(cast: Cast) -> None:
    for address in [*addresses(opened(cast)), *map(reverse, LISTS), "/"]:
        response = Client().get(address)
        assert response.status_code == 302, address
        assert response["Location"].startswith("/login/?next=/"), address


def test_a_script_of_somebody_signed_out_is_told_so(cast: Cast) -> None:
    for address in addresses(opened(cast)):
        assert Client().get(address, headers=SCRIPT).status_code == 401, address


def test_an_outsider_finds_nothing(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    written(cast, incident)
    outsider = sign_in("outsider")
    for address in [*addresses(incident), *map(reverse, LISTS)]:
        for response in (outsider.get(address), outsider.get(address, headers=SCRIPT)):
            assert response.status_code == 404, address
        if address not in map(reverse, LISTS) or address == reverse("incidents:incident-report"):
            assert outsider.post(address, {"reason": "x"}).status_code in {404, 405}, address


def test_an_outsider_sees_an_empty_dashboard(cast: Cast, sign_in: SignIn) -> None:
    opened(cast)
    page = sign_in("outsider").get("/")
    assert page.status_code == 200
    assert "no role that shows incidents" in page.text
    assert "INC-" not in page.text


def test_a_restricted_incident_leaves_no_trace(cast: Cast, sign_in: SignIn) -> None:
    hidden = restrict(in_state(cast, State.POSTMORTEM), cast.commander)
    receipt_of = restrict(alert(cast, "secret", summary="Secret thing"))
    receipt = AlertReceipt.objects.get(dedup_key="secret")
    outside = sign_in("approver")
    for incident in (hidden, receipt_of):
        for address in addresses(incident):
            assert outside.get(address).status_code == 404, address
            assert outside.post(address).status_code in {404, 405}, address
    for page in (
        outside.get("/").text,
        outside.get(reverse("incidents:dashboard-live")).text,
        outside.get(reverse("admin:incidents_incident_changelist"), {"state": ""}).text,
        outside.get(reverse("admin:incidents_incident_changelist"), {"q": hidden.number}).text,
        outside.get(reverse("admin:incidents_alertreceipt_changelist")).text,
    ):
        for trace in (hidden.title, receipt_of.title, "Secret thing", receipt_of.number):
            assert trace not in page
    assert "No open incidents" in outside.get("/").text
    address = reverse("incidents:receipt-detail", args=[receipt.public_id])
    assert outside.get(address).status_code == 404


def test_those_who_were_let_in_see_it(cast: Cast, sign_in: SignIn) -> None:
    hidden = restrict(opened(cast), cast.responder)
    inside = sign_in("responder")
    assert hidden.title in inside.get("/").text
    page = inside.get(reverse("incidents:incident-detail", args=[hidden.pk]))
    assert page.status_code == 200
    assert "Restricted" in page.text


def test_being_let_in_by_a_group_counts_too(cast: Cast) -> None:
    hidden = opened(cast)
    group = cast.responder.groups.get()
    restrict(hidden, group)  # type: ignore[arg-type] # guardian takes either
    assert list(incidents_visible_to(cast.responder)) == [hidden]
    assert not incidents_visible_to(cast.commander).exists()


def test_the_receipts_of_a_key_are_hidden_with_any_of_its_incidents(cast: Cast) -> None:
    first = alert(cast, "k")
    alert(cast, "k", status="resolved")
    alert(cast, "k")
    assert receipts_visible_to(cast.auditor).count() == 3
    restrict(first)
    assert not receipts_visible_to(cast.auditor).exists()


def test_tokens_and_processes_see_by_the_same_rules(cast: Cast) -> None:
    shown, hidden = opened(cast), restrict(opened(cast), cast.commander)

    def seen(principal: Principal) -> set[Incident]:
        return set(incidents_visible_to(principal))

    reads, writes = frozenset({"incidents:read"}), frozenset({"alerts:write"})
    assert seen(system("worker")) == {shown, hidden}
    assert seen(Principal("token", "t", scopes=reads)) == {shown}
    assert seen(Principal("token", "t", user=cast.commander, scopes=reads)) == {shown, hidden}
    assert seen(Principal("token", "t", user=cast.commander, scopes=writes)) == set()
    assert seen(Principal("token", "t", user=cast.outsider, scopes=reads)) == set()
    assert seen(cast.principal("auditor")) == {shown}


def test_what_is_not_there_is_not_found(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("commander")
    incident = opened(cast)
    for address in (
        "/incidents/INC-9/",
        "/incidents/INC-999999999999999999/",
        "/incidents/INC-x/",
        reverse("incidents:incident-move", args=[incident.pk, "vanish"]),
        reverse("incidents:clock-pause", args=[incident.pk, "vanish"]),
        reverse("incidents:note-correct", args=[incident.pk, 1]),
        reverse("incidents:receipt-detail", args=[uuid.uuid4()]),
    ):
        assert client.get(address).status_code == 404, address


@pytest.mark.parametrize("verb", ["add", "delete", "history"])
def test_the_admin_has_no_way_around(cast: Cast, sign_in: SignIn, verb: str) -> None:
    incident = opened(cast)
    tail = "add/" if verb == "add" else f"{incident.pk}/{verb}/"
    assert sign_in("administrator").get(f"/incidents/incident/{tail}").status_code == 404


def test_the_admins_links_lead_to_the_war_room(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    response = sign_in("commander").get(f"/incidents/incident/{incident.pk}/change/")
    assert response["Location"] == f"/incidents/{incident.number}/"
