"""Whys and action items of the time when each was one text become rows, on record."""

import json
from datetime import date, timedelta

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit.models import Event
from incidents.carried_over import TIME_TO_LOOK, items, whys
from incidents.models import ActionItem, Postmortem, Why
from incidents.postmortem_template import MAX_DEPTH, MAX_WHYS
from incidents.procedure import State
from tests.database import pointed_at
from tests.incidents.arranging import recorded
from tests.incidents.making import in_state, written
from tests.people import Cast

TODAY = date(2026, 2, 1)
WHYS = "\n".join(f"{n}. Why {n}?" for n in range(1, 10))
ITEMS = "- Alert on the pool (commander, 2030-03-01)\n* Write it down\n\n"


def test_marks_of_lists_are_no_part_of_what_they_say() -> None:
    assert whys("1. a\n 2) b\n- c\n\n* d\n10 e") == ["a", "b", "c", "d", "10 e"]


def test_no_text_is_lost_where_there_are_more_lines_than_fit() -> None:
    found = whys("\n".join(f"w{n}" for n in range(MAX_WHYS + 20)))
    assert len(found) == MAX_WHYS
    assert found[-1].splitlines()[-1] == f"w{MAX_WHYS + 19}"


def test_an_item_says_whose_it_may_be_and_until_when() -> None:
    found = items("Fix it (ada, 2026-03-01)\nTalk (2026-99-99)", TODAY)
    assert ("ada" in found[0].names, found[0].due_on) == (True, date(2026, 3, 1))
    assert (found[1].text, found[1].due_on) == ("Talk (2026-99-99)", TODAY + TIME_TO_LOOK)


def test_the_upgrade_carries_them_over_on_record(committed_cast: Cast) -> None:
    cast = committed_cast
    postmortem = written(cast, in_state(cast, State.POSTMORTEM))
    recorded(
        lambda: Postmortem.objects.filter(pk=postmortem.pk).update(
            five_whys=WHYS, action_items=ITEMS
        )
    )
    with pointed_at(connection.settings_dict["NAME"], role="vigil_owner"):
        call_command("migrate", "incidents", "0007", verbosity=0)
        call_command("migrate", verbosity=0)
    assert list(Why.objects.order_by("position").values_list("text", flat=True)) == [
        f"Why {n}?" for n in range(1, 10)
    ]
    assert max(Why.objects.values_list("depth", flat=True)) == MAX_DEPTH
    first, second = ActionItem.objects.order_by("id")
    assert (first.owner, first.due_on) == (cast.commander, date(2030, 3, 1))
    assert (second.text, second.owner) == ("Write it down", cast.responder)
    assert second.due_on == timezone.localdate() + timedelta(days=30)
    assert second.is_carried_over
    event = Event.objects.get(event="postmortem_carried_over")
    changes = json.loads(bytes(event.entry))["changes"]
    assert [each["table"] for each in changes].count("incidents_why") == 9
    postmortem.refresh_from_db()
    assert postmortem.five_whys == WHYS
