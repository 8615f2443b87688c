"""Action items: whose they are before and after the acceptance, what is overdue, who is reminded."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.erasure.services import KEEPERS
from audit.gate.permissions import PermissionsVoter
from audit.principal import system
from incidents.models import ActionItem, ActionReminder, Postmortem
from incidents.procedure import State
from incidents.selectors.action_items import ItemFilter, ages, count_overdue, item_list
from incidents.services import item_listeners
from incidents.services.action_items import (
    action_item_add,
    action_item_change,
    action_item_complete,
    action_item_drop,
    action_item_reopen,
)
from incidents.services.reminders import (
    NothingToRemind,
    action_item_remind,
    items_to_remind_of,
    week_of,
)
from incidents.tasks import remind_of_action_items
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from tests.database import as_superuser
from tests.incidents.arranging import recorded, restrict
from tests.incidents.making import accepted, in_state, item, submitted, written
from tests.incidents.pages.conftest import SignIn, sign_in  # noqa: F401 - a fixture
from tests.people import Cast

WORKER = system("worker")


@pytest.fixture
def draft(cast: Cast) -> Postmortem:
    return written(cast, in_state(cast, State.POSTMORTEM))


@pytest.fixture
def settled(cast: Cast) -> ActionItem:
    """Of an accepted postmortem; the responder owns it."""
    return accepted(cast, in_state(cast, State.POSTMORTEM)).items.get()


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def overdue(made: ActionItem, days: int = 1) -> ActionItem:
    recorded(lambda: ActionItem.objects.filter(pk=made.pk).update(due_on=in_days(-days)))
    made.refresh_from_db()
    return made


# --- Whose they are ---------------------------------------------------------------------------------


def test_while_it_is_written_everybody_who_writes_it_may_change_an_item(
    cast: Cast, draft: Postmortem
) -> None:
    made = item(cast, draft, owner=cast.commander)
    changed = action_item_change(
        item=made,
        by=cast.principal("responder"),
        version=1,
        fields={"due_on": in_days(3), "owner": cast.approver},
    )
    assert (changed.owner, changed.due_on, changed.version) == (cast.approver, in_days(3), 2)
    draft.refresh_from_db()
    # Once for what it says when it was added, once when that changed.
    assert draft.version == 3


def test_that_it_is_done_is_not_part_of_what_is_reviewed(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM))
    action_item_complete(item=postmortem.items.get(), by=cast.principal("responder"), version=1)
    postmortem.refresh_from_db()
    assert postmortem.version == 3


def test_after_the_acceptance_it_is_its_owners_and_the_commanders(
    cast: Cast, settled: ActionItem
) -> None:
    moved = action_item_change(
        item=settled, by=cast.principal("responder"), version=1, fields={"due_on": in_days(60)}
    )
    given = action_item_change(
        item=moved, by=cast.principal("approver"), version=2, fields={"owner": cast.commander}
    )
    for change in (
        lambda: action_item_complete(item=given, by=cast.principal("responder"), version=3),
        lambda: action_item_drop(item=given, by=cast.principal("responder"), version=3, reason="x"),
    ):
        with pytest.raises(GovernanceDenied, match="roles do not include"):
            change()
    done = action_item_complete(item=given, by=cast.principal("commander"), version=3)
    assert (done.state, done.done_at is not None) == ("done", True)
    again = action_item_reopen(item=done, by=cast.principal("commander"), version=4)
    assert (again.state, again.done_at) == ("open", None)


def test_an_owner_needs_no_role_that_works_incidents(cast: Cast, settled: ActionItem) -> None:
    by = cast.principal("commander")
    given = action_item_change(item=settled, by=by, version=1, fields={"owner": cast.auditor})
    done = action_item_complete(item=given, by=cast.principal("auditor"), version=2)
    assert done.state == "done"


def test_the_acceptance_in_between_takes_a_writers_right_away(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM), author="commander")
    made = postmortem.items.get()
    stale = ActionItem.objects.select_related("postmortem__incident").get(pk=made.pk)
    action_item_change(
        item=made, by=cast.principal("commander"), version=1, fields={"owner": cast.commander}
    )
    with pytest.raises(Conflict, match="in the meantime"):
        action_item_complete(item=stale, by=cast.principal("responder"), version=2)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": " "}, "text"),
        ({"kind": "luck"}, "kind"),
        ({"due_on": date(2020, 1, 1)}, "due_on"),
    ],
)
def test_a_bad_item_is_refused_by_field(
    cast: Cast, draft: Postmortem, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        item(cast, draft, **fields)
    assert refused.value.errors[0].field == field


def test_an_owner_has_to_see_the_incident(cast: Cast, draft: Postmortem) -> None:
    restrict(draft.incident, cast.responder)
    for owner in (cast.outsider, cast.commander):
        with pytest.raises(ValidationFailed, match="cannot see"):
            item(cast, draft, owner=owner)
    assert item(cast, draft, owner=cast.responder).pk


def test_a_stale_item_and_one_that_is_done_do_not_change(cast: Cast, settled: ActionItem) -> None:
    by = cast.principal("responder")
    with pytest.raises(Conflict, match="in the meantime"):
        action_item_complete(item=settled, by=by, version=9)
    done = action_item_complete(item=settled, by=by, version=1)
    with pytest.raises(Conflict, match="done already"):
        action_item_drop(item=done, by=by, version=2, reason="x")
    with pytest.raises(Conflict, match="Reopen it first"):
        action_item_change(item=done, by=by, version=2, fields={"due_on": in_days(1)})


def test_the_database_holds_what_must_hold(cast: Cast, settled: ActionItem) -> None:
    rows = ActionItem.objects.filter(pk=settled.pk)
    for change in (
        {"state": "done"},
        {"state": "dropped"},
        {"state": "odd"},
        {"kind": "odd"},
        {"text": ""},
        {"done_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)


def test_who_owns_an_open_item_is_not_erased(cast: Cast, settled: ActionItem) -> None:
    said = [line for keeper in KEEPERS for line in keeper.obstacles(cast.responder)]
    assert "They own an open action item; hand it over first." in said


def test_listeners_are_told_once_it_is_committed(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(item_listeners, "LISTENERS", [lambda _item, what: told.append(what)])
    made = accepted(committed_cast, in_state(committed_cast, State.POSTMORTEM)).items.get()
    by = committed_cast.principal("responder")
    action_item_drop(item=made, by=by, version=1, reason="Bought instead")
    assert told == ["added", "dropped"]


# --- Reminders --------------------------------------------------------------------------------------


def test_an_overdue_item_is_reminded_of_once_a_week(cast: Cast, settled: ActionItem) -> None:
    late = overdue(settled, days=2)
    assert remind_of_action_items() == 1
    assert remind_of_action_items() == 0
    entry = late.postmortem.incident.timeline.order_by("-id")[0]
    assert entry.text.startswith("Action item overdue by 2 days")
    with time_machine.travel(timezone.now() + timedelta(days=7)):
        assert items_to_remind_of() == [late]
    with pytest.raises(NothingToRemind):
        action_item_remind(item=late, by=WORKER)


def test_what_is_due_today_or_done_is_not_overdue(cast: Cast, settled: ActionItem) -> None:
    recorded(lambda: ActionItem.objects.update(due_on=timezone.localdate()))
    assert items_to_remind_of() == []
    done = action_item_complete(
        item=overdue(settled), by=cast.principal("responder"), version=settled.version
    )
    assert items_to_remind_of() == []
    with pytest.raises(NothingToRemind):
        action_item_remind(item=done, by=WORKER)


def test_the_database_allows_one_reminder_a_week_that_begins_on_monday(
    cast: Cast, settled: ActionItem
) -> None:
    overdue(settled)
    reminder = action_item_remind(item=settled, by=WORKER)
    assert reminder.week == week_of(timezone.localdate())
    for week in (reminder.week, reminder.week + timedelta(days=1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            ActionReminder.objects.create(item=settled, week=week, reminded_at=timezone.now())


def test_nobody_but_vigil_itself_reminds(cast: Cast, settled: ActionItem) -> None:
    with pytest.raises(GovernanceDenied):
        action_item_remind(item=overdue(settled), by=cast.principal("administrator"))
    assert not ActionReminder.objects.exists()


def test_without_the_gate_nobody_is_reminded(
    cast: Cast, settled: ActionItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(settled)

    def break_down(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(PermissionsVoter, "vote", break_down)
    assert remind_of_action_items() == 1
    assert not ActionReminder.objects.exists()


def test_without_the_ledger_nobody_is_reminded(committed_cast: Cast) -> None:
    made = accepted(committed_cast, in_state(committed_cast, State.POSTMORTEM)).items.get()
    overdue(made)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    remind_of_action_items()
    assert not ActionReminder.objects.exists()


# --- Lists ------------------------------------------------------------------------------------------


def many(cast: Cast, number: int) -> None:
    postmortem = written(cast, in_state(cast, State.POSTMORTEM))
    at = timezone.now()
    recorded(
        lambda: ActionItem.objects.bulk_create(
            ActionItem(
                postmortem=postmortem,
                text=f"Do {n}",
                owner=cast.responder,
                due_on=in_days(n % 3 - 1),
                kind="prevent",
                added_at=at - timedelta(days=n * 20),
                changed_at=at,
            )
            for n in range(number)
        )
    )


def test_a_long_list_comes_in_pages_without_gaps(cast: Cast) -> None:
    many(cast, 12)
    found: list[int] = []
    after = None
    while True:
        page = item_list(cast.responder, ItemFilter(state="open"), after=after, limit=5)
        found += [row.pk for row in page.rows]
        if not page.has_more:
            break
        after = (page.rows[-1].due_on, page.rows[-1].pk)
    assert found == list(ActionItem.objects.order_by("due_on", "pk").values_list("pk", flat=True))


def test_items_are_counted_by_owner_and_age(cast: Cast) -> None:
    many(cast, 6)
    (row,) = ages(cast.commander)
    assert (row.owner, row.buckets, row.total, row.overdue) == ("responder", (1, 1, 3, 1), 6, 2)
    assert count_overdue(cast.responder) == 2
    assert count_overdue(cast.commander) == 0


def test_a_restricted_incidents_items_are_counted_for_nobody_else(cast: Cast) -> None:
    many(cast, 3)
    restrict(ActionItem.objects.all()[0].postmortem.incident, cast.responder)
    assert ages(cast.commander) == []
    assert item_list(cast.commander, ItemFilter(), limit=5).rows == []
    assert ages(cast.responder)[0].total == 3


@pytest.mark.parametrize("show", ["mine", "all", "overdue", "done", "ages", "odd"])
def test_the_page_costs_the_same_for_any_number(
    cast: Cast,
    sign_in: SignIn,  # noqa: F811
    show: str,
) -> None:
    client, counts = sign_in("responder"), []
    for size in (2, 20):
        many(cast, size)
        address = reverse("incidents:actions")
        client.get(address, {"show": show})
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address, {"show": show}).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "after", ["x", "2026-01-01|", "2026-99-01|1", "|1", "2026-01-01|" + "9" * 40]
)
def test_a_place_that_is_none_is_the_first_page(
    cast: Cast,
    sign_in: SignIn,  # noqa: F811
    after: str,
) -> None:
    many(cast, 1)
    page = sign_in("responder").get(reverse("incidents:actions"), {"after": after})
    assert "Do 0" in page.text


def test_the_sidebar_counts_ones_own_overdue(cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    overdue(item(cast, written(cast, in_state(cast, State.POSTMORTEM))))
    page = sign_in("responder").get(reverse("incidents:actions")).text
    assert "overdue since" in page
    assert page.count("Action items") >= 1


def test_what_is_added_takes_a_person(cast: Cast, draft: Postmortem) -> None:
    with pytest.raises(GovernanceDenied):
        action_item_add(
            postmortem=draft,
            by=WORKER,
            text="x",
            owner=cast.responder,
            due_on=in_days(1),
            kind="prevent",
        )
