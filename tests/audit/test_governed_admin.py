"""Forms of configuration rows: they call services, show refusals, and lose nothing that was typed."""

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.gate.permissions import PermissionsVoter
from audit.governed_admin import GovernedAdmin
from audit.models import Event, User
from audit.row_versions import RowConflict, row_replace
from audit.rows import row_delete, row_save
from audit.selectors import entry_of
from incidents.models import Incident, Service
from portal.site import VigilSite
from tests.database import as_superuser
from tests.entries import noted
from tests.people import TESTS, Cast


@pytest.fixture
def administrator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.administrator)
    return client


def service(**fields: str) -> Service:
    made = Service(**{"slug": "checkout", "name": "Checkout", **fields})
    row_save(instance=made, by=TESTS)
    return made


def url(name: str, *args: object) -> str:
    return reverse(f"admin:incidents_service_{name}", args=args)


def shown(client: Client, address: str) -> dict[str, Any]:
    """What the browser would send back from the form at this address, untouched."""
    form = client.get(address).context["adminform"].form
    return {name: form[name].value() or "" for name in form.fields if name in form.initial} | {
        "seen": form.initial["seen"]
    }


def last() -> dict[str, Any]:
    event = Event.objects.order_by("-id").first()
    assert event is not None
    return entry_of(event)


def test_a_row_is_added_with_its_event(administrator: Client) -> None:
    response = administrator.post(url("add"), {"slug": "api", "name": "API"})
    assert response.status_code == 302
    added = Service.objects.get(slug="api")
    entry = last()
    assert (entry["event"], entry["actor"]) == ("service_added", "user:administrator")
    assert entry["target"] == f"incidents.service:{added.pk}"


def test_a_change_and_its_reason_are_on_record(administrator: Client) -> None:
    row = service()
    typed = shown(administrator, url("change", row.pk)) | {"name": "Shop", "reason": "New name"}
    assert administrator.post(url("change", row.pk), typed).status_code == 302
    row.refresh_from_db()
    assert row.name == "Shop"
    assert last()["event"] == "service_changed"
    assert noted(last()) == {"name": "Shop", "reason": "New name"}
    assert row.history.first().history_change_reason == "New name"


def test_a_row_is_deleted_with_its_reason(administrator: Client) -> None:
    row = service()
    response = administrator.post(url("delete", row.pk), {"reason": "Retired"})
    assert response.status_code == 302
    assert not Service.objects.exists()
    assert (last()["event"], last()["data"]["reason"]) == ("service_deleted", "Retired")


def test_djangos_own_log_stays_empty(administrator: Client) -> None:
    administrator.post(url("add"), {"slug": "api", "name": "API"})
    row = Service.objects.get()
    typed = shown(administrator, url("change", row.pk)) | {"name": "Other"}
    administrator.post(url("change", row.pk), typed)
    administrator.post(url("delete", row.pk), {})
    assert not Service.objects.exists()
    assert not LogEntry.objects.exists()


def test_what_is_not_valid_is_said_at_its_field(administrator: Client) -> None:
    response = administrator.post(url("add"), {"slug": "not a slug", "name": "API"})
    assert response.status_code == 200
    assert "slug" in response.context["adminform"].form.errors
    assert not Service.objects.exists()


@pytest.mark.parametrize("person", ["outsider", "responder", "commander", "auditor"])
def test_other_roles_are_refused_on_record(cast: Cast, client: Client, person: str) -> None:
    row = service()
    client.force_login(getattr(cast, person))
    for verb, address in {
        "add": url("add"),
        "change": url("change", row.pk),
        "delete": url("delete", row.pk),
    }.items():
        assert client.post(address, {"slug": "mine", "name": "Mine"}).status_code == 403
        assert last()["event"] == "governance_denied"
        assert last()["action"] == f"incidents:service:{verb}"
        assert last()["actor"] == f"user:{person}"
    assert [kept.name for kept in Service.objects.all()] == ["Checkout"]


def test_who_may_only_look_gets_a_page_without_a_form(cast: Cast, client: Client) -> None:
    row = service()
    client.force_login(cast.responder)
    response = client.get(url("change", row.pk))
    assert response.status_code == 200
    assert b"Checkout" in response.content
    assert b'name="name"' not in response.content
    assert client.get(url("add")).status_code == 403
    assert client.get(url("delete", row.pk)).status_code == 403


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    for address in (url("add"), url("changelist"), url("change", 1), url("history", 1)):
        assert client.get(address).url.startswith("/login/")
        assert client.post(address).url.startswith("/login/")


def test_a_denial_keeps_what_was_typed_and_outlives_it(
    committed_cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(committed_cast.administrator)
    row = service()
    typed = shown(client, url("change", row.pk)) | {"name": "Shop", "reason": "New name"}
    monkeypatch.setattr(PermissionsVoter, "vote", _broken)
    response = client.post(url("change", row.pk), typed)
    assert response.status_code == 403
    form = response.context["adminform"].form
    assert (form["name"].value(), form["reason"].value()) == ("Shop", "New name")
    assert "Action blocked due to governance system failure" in form.non_field_errors()
    assert last()["event"] == "governance_failure"
    row.refresh_from_db()
    assert row.name == "Checkout"


def _broken(_voter: object, _request: object) -> None:
    raise RuntimeError


def test_without_a_ledger_nothing_is_saved(committed_cast: Cast, client: Client) -> None:
    client.force_login(committed_cast.administrator)
    row = service()
    typed = shown(client, url("change", row.pk)) | {"name": "Shop"}
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    added = client.post(url("add"), {"slug": "api", "name": "API"})
    changed = client.post(url("change", row.pk), typed)
    deleted = client.post(url("delete", row.pk), {"reason": "Gone"})
    assert [added.status_code, changed.status_code, deleted.status_code] == [503, 503, 503]
    assert changed.context["adminform"].form["name"].value() == "Shop"
    assert b"cannot create audit trail" in deleted.content
    assert [kept.name for kept in Service.objects.all()] == ["Checkout"]


def test_the_second_of_two_editors_is_told_and_loses_nothing(administrator: Client) -> None:
    row = service()
    first = shown(administrator, url("change", row.pk)) | {"name": "First"}
    second = shown(administrator, url("change", row.pk)) | {"name": "Second", "reason": "Mine"}
    administrator.post(url("change", row.pk), first)
    response = administrator.post(url("change", row.pk), second)
    assert response.status_code == 409
    form = response.context["adminform"].form
    assert (form["name"].value(), form["reason"].value()) == ("Second", "Mine")
    assert form.errors["name"] == ["Stored now: First"]
    row.refresh_from_db()
    assert row.name == "First"


def test_who_was_told_may_save_knowingly(administrator: Client) -> None:
    row = service()
    typed = shown(administrator, url("change", row.pk)) | {"name": "Second"}
    row.name = "First"
    row_save(instance=row, by=TESTS)
    told = administrator.post(url("change", row.pk), typed).context["adminform"].form
    again = typed | {"seen": told["seen"].value()}
    assert administrator.post(url("change", row.pk), again).status_code == 302
    row.refresh_from_db()
    assert row.name == "Second"


def test_a_form_that_does_not_say_what_it_saw_is_refused(administrator: Client) -> None:
    row = service()
    response = administrator.post(url("change", row.pk), {"name": "Shop"})
    assert response.status_code == 409
    row.refresh_from_db()
    assert row.name == "Checkout"


def test_a_role_that_somebody_else_gave_is_not_taken_away_unseen(
    cast: Cast, administrator: Client
) -> None:
    address = reverse("admin:audit_user_change", args=[cast.responder.pk])
    typed = shown(administrator, address) | {"first_name": "Rhea", "is_active": "on"}
    row_save(
        instance=cast.responder,
        related=lambda: cast.responder.groups.add(Group.objects.get(name="Auditor")),
        by=TESTS,
    )
    assert administrator.post(address, typed).status_code == 409
    names = {group.name for group in User.objects.get(pk=cast.responder.pk).groups.all()}
    assert names == {"Responder", "Auditor"}


def test_of_two_who_save_at_once_one_is_told(committed_cast: Cast) -> None:
    """Both saw the same version; the row's lock decides who was first."""
    row = service()
    client = Client()
    client.force_login(committed_cast.administrator)
    seen = shown(client, url("change", row.pk))["seen"]
    outcomes: list[str] = []

    def save(name: str) -> None:
        instance = Service.objects.get(pk=row.pk)
        instance.name = name
        try:
            row_replace(instance=instance, seen=seen, many_to_many={}, by=TESTS)
            outcomes.append(name)
        except RowConflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=(f"Name {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row.refresh_from_db()
    assert sorted(outcomes) == sorted(["conflict"] * 7 + [row.name])


def test_a_row_that_others_need_stays_and_says_why(cast: Cast, administrator: Client) -> None:
    row = service()
    incident = Incident(title="Down", severity="P1", service=row)
    row_save_incident(incident)
    asked = administrator.get(url("delete", row.pk))
    assert incident.number.encode() not in asked.content
    assert asked.context["needed_by"] == {"incidents": "1"}
    assert administrator.post(url("delete", row.pk), {}).status_code == 409
    assert Service.objects.filter(pk=row.pk).exists()


def row_save_incident(incident: Incident) -> None:
    """As part of some recorded change; opening one properly is not what this is about."""
    row_save(instance=service(slug="other"), related=incident.save, by=TESTS)


def test_of_many_that_need_it_not_all_are_counted(cast: Cast, administrator: Client) -> None:
    row = service()
    row_save(
        instance=service(slug="other"),
        related=lambda: [
            Incident(title="Down", severity="P1", service=row).save() for _ in range(12)
        ],
        by=TESTS,
    )
    needed_by = administrator.get(url("delete", row.pk)).context["needed_by"]
    assert needed_by == {"incidents": "more than 10"}


def test_a_name_taken_at_the_same_moment_is_a_conflict(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form found it free; the database decides."""
    service(slug="taken")
    monkeypatch.setattr(Service, "validate_unique", lambda *_args, **_kwargs: None)
    response = administrator.post(url("add"), {"slug": "taken", "name": "Again"})
    assert response.status_code == 409
    assert "Somebody else saved another one" in str(
        response.context["adminform"].form.non_field_errors()
    )


def test_what_else_the_database_refuses_is_not_passed_off_as_a_conflict(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_kwargs: object) -> None:
        raise IntegrityError("unaudited change")

    monkeypatch.setattr("audit.governed_admin.row_save", refused)
    administrator.raise_request_exception = False
    response = administrator.post(url("add"), {"slug": "api", "name": "API"})
    assert response.status_code == 500


def test_history_tells_what_changed_and_names_the_event(administrator: Client) -> None:
    row = service()
    typed = shown(administrator, url("change", row.pk)) | {"name": "Shop", "reason": "Renamed"}
    administrator.post(url("change", row.pk), typed)
    changed, added = administrator.get(url("history", row.pk)).context["history"]
    assert [(f.label, f.before, f.after) for f in changed.fields] == [("name", "Checkout", "Shop")]
    assert (changed.did, changed.who, changed.reason) == (
        "changed",
        "user:administrator",
        "Renamed",
    )
    assert changed.event_id == last()["id"]
    assert added.did == "added"


def test_history_costs_the_same_however_long_it_is(
    administrator: Client, django_assert_num_queries: Any
) -> None:
    row = service()
    rename(row, 3)
    administrator.get(url("history", row.pk))
    with CaptureQueriesContext(connection) as short:
        administrator.get(url("history", row.pk))
    rename(row, 120)
    with django_assert_num_queries(len(short) + 1):
        # One more: what the oldest row shown came from is on the next page.
        response = administrator.get(url("history", row.pk))
    assert len(response.context["history"]) == 100


def rename(row: Service, times: int) -> None:
    for number in range(times):
        row.name = f"Name {number} of {times}"
        row_save(instance=row, by=TESTS)


def test_history_is_read_only(administrator: Client) -> None:
    row = service()
    version = row.history.get().history_id
    events = Event.objects.count()
    for address in (url("history", row.pk), f"{url('history', row.pk)}{version}/"):
        administrator.post(address, {"name": "X", "_change_history": "1"})
    row.refresh_from_db()
    assert (row.name, Event.objects.count()) == ("Checkout", events)


def test_no_page_offers_to_delete_in_bulk(administrator: Client) -> None:
    row = service()
    response = administrator.post(
        url("changelist"), {"action": "delete_selected", "_selected_action": [row.pk]}
    )
    assert Service.objects.filter(pk=row.pk).exists()
    assert b"delete_selected" not in administrator.get(url("changelist")).content
    assert response.status_code in {200, 302}


def test_an_admin_that_would_save_past_the_gate_does_not_start() -> None:
    class Editable(GovernedAdmin):
        list_display = ("slug", "name")
        list_editable = ("name",)

    with pytest.raises(ImproperlyConfigured, match="past the gate"):
        Editable(Service, VigilSite())


def test_a_row_that_is_gone_is_said_to_be(administrator: Client) -> None:
    for name in ("change", "delete", "history"):
        assert administrator.get(url(name, 999_999)).status_code == 302


def test_a_row_deleted_meanwhile_is_a_conflict(cast: Cast) -> None:
    row = service()
    gone = Service.objects.get(pk=row.pk)
    row_delete(instance=row, by=TESTS)
    with pytest.raises(RowConflict, match="deleted"):
        row_replace(instance=gone, seen="", many_to_many={}, by=TESTS)


def test_sign_ins_change_no_version(cast: Cast, administrator: Client) -> None:
    """A column that is not governed is no change to lose."""
    address = reverse("admin:audit_user_change", args=[cast.auditor.pk])
    before = shown(administrator, address)["seen"]
    Client().force_login(cast.auditor)
    assert shown(administrator, address)["seen"] == before
