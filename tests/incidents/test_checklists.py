"""Each step has its list; what was left open is said, and verification insists on its required checks."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from audit.rows import row_save
from incidents.models import ChecklistItem, ChecklistTemplate, Incident, Service
from incidents.procedure import STEPS, State
from incidents.selectors.checklists import template_lines
from incidents.services.checklists import (
    checklist_item_add,
    checklist_item_complete,
    checklist_item_reopen,
    checklist_item_skip,
)
from incidents.services.containment import containment_record, containment_reverse
from incidents.services.incidents import incident_open
from incidents.services.restriction import incident_restrict
from portal.lib.errors import Conflict, ValidationFailed
from tests.incidents.api.calling import signed_in
from tests.incidents.making import in_state, move, opened
from tests.incidents.pages.conftest import signed_in as in_browser
from tests.incidents.pages.test_dashboard import queries
from tests.people import TESTS, Cast

TEMPLATE = "admin:incidents_checklisttemplate"


def template(step: int, items: str, **fields: object) -> ChecklistTemplate:
    made = ChecklistTemplate(step=step, items=items, **fields)
    row_save(instance=made, by=TESTS)
    return made


def texts(incident: Incident, step: int, round_: int = 1) -> list[str]:
    return [item.text for item in incident.checklist.filter(step=step, round=round_)]


def complete(cast: Cast, item: ChecklistItem, **given: str) -> ChecklistItem:
    by = cast.principal("responder")
    return checklist_item_complete(item=item, by=by, version=item.version, **given)


def test_without_a_template_a_step_has_what_the_procedure_asks_for(cast: Cast) -> None:
    incident = opened(cast)
    assert texts(incident, 2) == list(STEPS[1].todo)
    move(cast, incident, "classify")
    assert texts(incident, 3) == list(STEPS[2].todo)


def test_the_most_particular_template_counts_alone(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    fields = [
        {},
        {"severity": "P1"},
        {"service": service},
        {"service": service, "severity": "P1"},
    ]
    incident = Incident(title="x", severity="P1", service=service)
    for number, each in enumerate(fields):
        template(2, f"Number {number}", **each)
        assert [line.text for line in template_lines(incident, 2)] == [f"Number {number}"]
    incident_open(incident=incident, by=cast.principal("commander"))
    assert texts(incident, 2) == ["Number 3"]


def test_a_template_of_another_service_or_severity_does_not_count(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    template(2, "Elsewhere", service=service)
    template(2, "Later", severity="P3")
    assert texts(opened(cast, "P1"), 2) == list(STEPS[1].todo)


def test_what_a_template_becomes_later_changes_no_list_that_was_begun(cast: Cast) -> None:
    made, incident = template(2, "* Before"), opened(cast)
    made.items = "After"
    row_save(instance=made, by=TESTS)
    item = incident.checklist.get(step=2)
    assert (item.text, item.is_required) == ("Before", True)


def test_a_step_that_begins_again_begins_its_list_again(cast: Cast) -> None:
    incident = in_state(cast, State.FIXING)
    done = complete(cast, incident.checklist.filter(step=7)[0])
    incident = move(cast, move(cast, incident, "investigate"), "fix")
    assert texts(incident, 7, 2) == list(STEPS[6].todo)
    assert not incident.checklist.filter(step=7, round=2).exclude(state="open").exists()
    done.refresh_from_db()
    assert done.state == "done"


def test_what_was_left_open_is_said_on_the_timeline(cast: Cast) -> None:
    template(2, "* Ask the users\nLook around")
    incident = move(cast, opened(cast), "classify", reason="Big")
    entry = incident.timeline.filter(kind="transition").order_by("-id").first()
    assert entry.text == "Classified: Big (left open: Ask the users)"


def test_required_checks_are_answered_before_a_fix_counts_as_verified(cast: Cast) -> None:
    template(8, "* Error rate\n* Latency\nAsk users")
    incident = in_state(cast, State.VERIFYING)
    with pytest.raises(ValidationFailed) as refused:
        move(cast, incident, "document")
    assert [problem.message for problem in refused.value.errors] == [
        "Still to be checked: Error rate",
        "Still to be checked: Latency",
    ]
    first, second, _ = incident.checklist.filter(step=8)
    complete(cast, first, evidence="0.1 %")
    by = cast.principal("responder")
    checklist_item_skip(item=second, by=by, version=1, reason="No traffic")
    assert move(cast, incident, "document").state == State.DOCUMENTING


def test_the_database_insists_on_the_checks_too(cast: Cast) -> None:
    template(8, "* Error rate")
    incident = in_state(cast, State.VERIFYING)
    with pytest.raises(IntegrityError, match="still open"), transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(
            state=State.DOCUMENTING, version=incident.version + 1
        )


def test_going_back_from_verification_asks_for_no_check(cast: Cast) -> None:
    template(8, "* Error rate")
    incident = in_state(cast, State.VERIFYING)
    assert move(cast, incident, "investigate").state == State.INVESTIGATING


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "ftp://a.test/x", "//a.test", "https://", "https://a b", "x"]
)
def test_evidence_is_a_web_address_or_words(cast: Cast, address: str) -> None:
    item = opened(cast).checklist.first()
    with pytest.raises(ValidationFailed) as refused:
        complete(cast, item, evidence_url=address)
    assert refused.value.errors[0].field == "evidence_url"


def test_an_item_is_settled_once_and_reopened(cast: Cast) -> None:
    item = complete(cast, opened(cast).checklist.first(), evidence_url="HTTPS://logs.test/1")
    assert (item.done_by, item.evidence_url) == (
        cast.principal("responder").recorded,
        "https://logs.test/1",
    )
    with pytest.raises(Conflict, match="done already"):
        complete(cast, item)
    with pytest.raises(Conflict, match="Somebody else"):
        checklist_item_reopen(item=item, by=cast.principal("commander"), version=1)
    item = checklist_item_reopen(item=item, by=cast.principal("commander"), version=2)
    assert (item.state, item.done_by, item.evidence_url) == ("open", "", "")


def test_not_applicable_needs_a_reason(cast: Cast) -> None:
    item = opened(cast).checklist.first()
    with pytest.raises(ValidationFailed):
        checklist_item_skip(item=item, by=cast.principal("responder"), version=1, reason=" ")


def test_an_item_goes_to_somebody_who_may_work_the_incident(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("commander")
    incident_restrict(incident=incident, by=by, reason="secret")
    for user in (cast.auditor, cast.responder):
        with pytest.raises(ValidationFailed, match="may not work"):
            checklist_item_add(incident=incident, by=by, text="x", assignee=user)


def test_what_an_item_asks_for_never_changes(cast: Cast) -> None:
    items = opened(cast).checklist.all()
    with pytest.raises(IntegrityError, match="does not change"), transaction.atomic():
        items.update(text="Other")
    with pytest.raises(IntegrityError, match="not deleted"), transaction.atomic():
        items._raw_delete(using="default")


def test_the_room_asks_as_often_with_many_items(cast: Cast) -> None:
    incident, by, client = opened(cast), cast.principal("responder"), in_browser(cast.commander)
    move(cast, move(cast, move(cast, incident, "classify"), "notify"), "acknowledge")
    room = reverse("incidents:incident-detail", args=[incident.pk])

    def grow(by_many: int) -> int:
        for number in range(by_many):
            item = checklist_item_add(
                incident=incident, by=by, text=f"{number}", assignee=cast.responder
            )
            complete(cast, item, evidence="x")
            containment_record(
                incident=incident,
                by=cast.principal("commander"),
                kind="other",
                target=f"{number}",
                performed_by="Ada",
            )
        return queries(client, room)

    assert grow(2) == grow(8)


def test_the_dialog_of_a_move_warns_of_what_is_left_open(cast: Cast) -> None:
    template(2, "* Ask the users")
    incident = opened(cast)
    dialog = reverse("incidents:incident-move", args=[incident.pk, "classify"])
    page = in_browser(cast.commander).get(dialog).text
    assert "Left open in this step." in page
    assert "<li>Ask the users</li>" in page


def test_who_only_reads_sees_the_list_without_its_buttons(cast: Cast) -> None:
    incident = opened(cast)
    page = (
        in_browser(cast.auditor).get(reverse("incidents:incident-detail", args=[incident.pk])).text
    )
    assert "v-check-item" in page
    assert "check-add" not in page


def test_an_administrator_writes_a_template_on_record(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.administrator)
    typed = {"step": "8", "items": "* Error rate\nLatency", "service": "", "severity": "P0"}
    assert browser.post(reverse(f"{TEMPLATE}_add"), typed).status_code == 302
    assert "2 items, 1 required" in browser.get(reverse(f"{TEMPLATE}_changelist")).text
    again = browser.post(reverse(f"{TEMPLATE}_add"), typed)
    assert again.status_code == 200
    assert "There is a checklist for this step" in again.text
    none = browser.post(reverse(f"{TEMPLATE}_add"), {**typed, "severity": "", "items": "*"})
    assert "Write at least one item." in none.text


def test_a_commander_writes_no_template(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.commander)
    typed = {"step": "8", "items": "x", "service": "", "severity": ""}
    browser.post(reverse(f"{TEMPLATE}_add"), typed)
    assert not ChecklistTemplate.objects.exists()


class TestContainment:
    def record(self, cast: Cast, incident: Incident) -> object:
        return containment_record(
            incident=incident,
            by=cast.principal("commander"),
            kind="isolate",
            target="db-2",
            performed_by="Ada",
        )

    def test_it_is_recorded_once_the_incident_is_acknowledged(self, cast: Cast) -> None:
        with pytest.raises(Conflict, match="once the incident is acknowledged"):
            self.record(cast, opened(cast))

    def test_it_is_reversed_once_and_kept(self, cast: Cast) -> None:
        incident, by = in_state(cast, State.ACKNOWLEDGED), cast.principal("commander")
        done = self.record(cast, incident)
        containment_reverse(containment=done, by=by, reason="Fixed")
        with pytest.raises(Conflict, match="reversed already"):
            containment_reverse(containment=done, by=by, reason="Fixed")
        with pytest.raises(IntegrityError, match="kept as it was"), transaction.atomic():
            incident.containment.update(target="db-3")

    def test_the_postmortem_begins_with_the_record(self, cast: Cast) -> None:
        template(8, "* Error rate\nLatency")
        incident = in_state(cast, State.VERIFYING)
        self.record(cast, incident)
        complete(cast, incident.checklist.get(text="Error rate"), evidence="0.1 %")
        move(cast, incident, "document")
        client = in_browser(cast.responder)
        page = client.get(reverse("incidents:postmortem", args=[incident.pk])).text
        assert "Isolate: db-2, by Ada" in page
        for section, said in (
            ("summary", "Isolate: db-2"),
            ("went_well", "- Error rate: 0.1 %"),
            ("went_wrong", "- Verification: Latency"),
        ):
            form = reverse("incidents:postmortem-section", args=[incident.pk, section])
            assert said in client.get(form).text


class TestApi:
    def test_an_item_is_added_done_and_read(self, cast: Cast) -> None:
        incident, caller = opened(cast), signed_in(cast.responder)
        path = f"incidents/{incident.number}/checklist/"
        made = caller.post(path, {"text": "Call the vendor", "assignee": "responder"})
        assert (made.status, made.body["assignee"], made.body["step"]) == (201, "responder", 2)
        one = f"{path}{made.body['id']}/"
        bad = caller.post(f"{one}complete/", {"evidence_url": "javascript:x"})
        assert (bad.status, bad.body["errors"][0]["field"]) == (400, "evidence_url")
        done = caller.post(f"{one}complete/", {"evidence_url": "https://a.test/"})
        assert (done.status, done.body["done_by"]) == (200, "user:responder")
        assert caller.post(f"{one}skip/", {"reason": "x"}).status == 409
        assert caller.post(f"{one}reopen/", {}).body["state"] == "open"
        assert caller.post(f"{one}assign/", {"assignee": None}).body["assignee"] is None
        assert caller.get(path).body[-1]["version"] == 4

    def test_containment_is_recorded_and_reversed(self, cast: Cast) -> None:
        incident, caller = in_state(cast, State.ACKNOWLEDGED), signed_in(cast.commander)
        path = f"incidents/{incident.number}/containment/"
        given = {"kind": "block_access", "target": "vpn", "performed_by": "Ada"}
        made = caller.post(path, given)
        assert (made.status, made.body["recorded_by"]) == (201, "user:commander")
        gone = caller.post(f"{path}{made.body['id']}/reverse/", {"reason": "Over"})
        assert gone.body["reversal_reason"] == "Over"
        assert caller.get(path).body == [gone.body]
