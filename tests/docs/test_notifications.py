"""`docs/notifications.md` says what the rules and the schedule are."""

from incidents.models import ChannelKind, Reason
from incidents.notification_document import DOCUMENT, NAMES, render
from incidents.services.delivery import DELAYS, ROUNDS
from portal.lib.resilience.policies import STANDARD_DELAYS


def test_the_table_is_rendered_from_the_rules() -> None:
    document = DOCUMENT.read_text()
    assert document == render(document), "run python -m incidents.notification_document"
    assert NAMES.keys() == set(ChannelKind.values)


def test_the_schedule_is_the_one_that_holds() -> None:
    document = " ".join(DOCUMENT.read_text().split())
    assert [delay.total_seconds() for delay in DELAYS] == [10, 30, 60, 120, 300, 600, 900, 1800]
    assert "after 10 s, 30 s, 1, 2, 5, 10, 15 and 30 minutes" in document
    assert "after nine rounds" in document
    assert ROUNDS == 9
    assert STANDARD_DELAYS == (0.0, 2.0, 4.0, 8.0)


def test_what_is_told_later_is_named() -> None:
    document = " ".join(DOCUMENT.read_text().split())
    told = {reason.label.lower() for reason in Reason} - {"notified", "escalated", "test"}
    assert [label for label in told if label not in document] == []
