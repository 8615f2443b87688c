"""Saved views: one's own, others' that are shared, and those that come with the product."""

import json

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from audit.event_filters import parse_filter
from audit.gate.permissions import PermissionsVoter
from audit.models import AuditView, Event, User
from audit.principal import person
from audit.saved_views import BUILT_IN, view_delete, view_save
from portal.lib.errors import (
    AuditUnavailable,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.database import as_superuser
from tests.entries import noted
from tests.people import Cast

LIST, NEW, OWN = (reverse(f"audit:{name}") for name in ("event-list", "view-new", "view-list"))


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.auditor)
    return client


def saved(user: User, name: str = "Mine", **fields: object) -> AuditView:
    view = AuditView(owner=user, name=name, params={"verdict": "deny", "within": "24h"}, **fields)
    return view_save(view=view, by=person(user))


def offered(client: Client) -> dict[str, str]:
    return {view.name: view.link for view in client.get(LIST).context["views"]}


def test_what_is_on_is_saved_under_a_name(cast: Cast, auditor: Client) -> None:
    response = auditor.post(f"{NEW}?verdict=deny&within=24h", {"name": "  Refused  today "})
    assert response.url == f"{LIST}?within=24h&verdict=deny"
    assert offered(auditor)["Refused today"] == "?within=24h&verdict=deny"
    event = Event.objects.order_by("-id")[0]
    assert (event.event, event.actor) == ("audit_view_saved", "user:auditor")
    assert event.target == f"audit.auditview:{AuditView.objects.get().pk}"


def test_relative_times_stay_relative(cast: Cast) -> None:
    assert saved(cast.auditor).params == {"within": "24h", "verdict": "deny"}


def test_a_shared_view_is_offered_to_all_who_read_the_record(cast: Cast, client: Client) -> None:
    saved(cast.auditor, "Ours", is_shared=True)
    saved(cast.auditor, "Mine")
    client.force_login(cast.administrator)
    views = {view.name: view.owner for view in client.get(LIST).context["views"]}
    assert views["Ours"] == "auditor"
    assert "Mine" not in views


def test_it_is_renamed_shared_and_deleted_on_record(cast: Cast, auditor: Client) -> None:
    view = saved(cast.auditor)
    edit = reverse("audit:view-edit", args=[view.pk])
    auditor.post(edit, {"name": "Ours", "is_shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("Ours", True)
    assert "Ours" in auditor.get(OWN).content.decode()
    delete = reverse("audit:view-delete", args=[view.pk])
    assert "for everybody" in auditor.get(delete).content.decode()
    assert auditor.post(delete).url == OWN
    assert not AuditView.objects.exists()
    assert Event.objects.order_by("-id")[0].event == "audit_view_deleted"


def test_nobody_changes_somebody_elses_shared_or_not(cast: Cast, client: Client) -> None:
    view = saved(cast.auditor, is_shared=True)
    client.force_login(cast.administrator)
    for name in ("view-edit", "view-delete"):
        response = client.post(reverse(f"audit:{name}", args=[view.pk]), {"name": "Theirs"})
        assert response.status_code == 404
    for change in (view_save, view_delete):
        with pytest.raises(GovernanceDenied):
            change(view=view, by=person(cast.administrator))
    view.refresh_from_db()
    assert view.name == "Mine"


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_who_may_not_read_the_record_saves_nothing(cast: Cast, client: Client, name: str) -> None:
    user = getattr(cast, name)
    client.force_login(user)
    for address in (OWN, f"{NEW}?verdict=deny"):
        assert client.get(address).status_code == 403
    with pytest.raises(GovernanceDenied):
        saved(user)
    assert not AuditView.objects.exists()


def test_a_broken_gate_saves_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_args: object) -> None:
        raise RuntimeError

    view = saved(cast.auditor)
    monkeypatch.setattr(PermissionsVoter, "vote", break_down)
    with pytest.raises(GovernanceFailure):
        saved(cast.auditor, "Another")
    with pytest.raises(GovernanceFailure):
        view_delete(view=view, by=person(cast.auditor))
    assert [view.name for view in AuditView.objects.all()] == ["Mine"]


def test_a_broken_ledger_saves_nothing(committed_cast: Cast) -> None:
    view = saved(committed_cast.auditor)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        saved(committed_cast.auditor, "Another")
    with pytest.raises(AuditUnavailable):
        view_delete(view=view, by=person(committed_cast.auditor))
    assert [view.name for view in AuditView.objects.all()] == ["Mine"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "Mine"}, "name"),
        ({"params": {}}, "params"),
        ({"params": {"verdict": "maybe"}}, "verdict"),
    ],
)
def test_what_is_wrong_is_said_by_field(cast: Cast, fields: dict[str, object], field: str) -> None:
    saved(cast.auditor)
    view = AuditView(
        **{"owner": cast.auditor, "name": "Other", "params": {"verdict": "deny"}, **fields}
    )
    with pytest.raises(ValidationFailed) as raised:
        view_save(view=view, by=person(cast.auditor))
    assert [error.field for error in raised.value.errors] == [field]


def test_the_page_says_it_beside_the_field(cast: Cast, auditor: Client) -> None:
    saved(cast.auditor)
    response = auditor.post(f"{NEW}?verdict=deny", {"name": "Mine"})
    assert response.status_code == 400
    assert "You have a view of this name already." in response.content.decode()


def test_the_database_holds_one_view_of_a_name_a_person(cast: Cast) -> None:
    view = saved(cast.auditor)
    twin = AuditView(owner=view.owner, name=view.name, params={}, created_at=view.created_at)
    with pytest.raises(IntegrityError, match="audit_view_one_of_a_name"), transaction.atomic():
        twin.save()
    twin.name = ""
    with pytest.raises(IntegrityError, match="audit_view_has_a_name"), transaction.atomic():
        twin.save()


def test_what_comes_with_the_product_is_valid_and_offered(cast: Cast, auditor: Client) -> None:
    offers = offered(auditor)
    for view in BUILT_IN:
        assert parse_filter(view.params).to_params() == view.params
        assert auditor.get(LIST + offers[view.name]).status_code == 200


def test_the_record_says_which_filters_it_was(cast: Cast) -> None:
    saved(cast.auditor)
    entry = json.loads(bytes(Event.objects.order_by("-id")[0].entry))
    assert noted(entry) == {
        "name": "Mine",
        "is_shared": False,
        "filters": "within 24h, verdict deny",
    }
