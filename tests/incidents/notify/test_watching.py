"""What waits and what was lost is seen by who looks after the system."""

from incidents.services.delivery import notification_set_aside
from incidents.tasks import deliver_notifications
from portal.system.findings import OLDEST_UNSENT, findings
from portal.system.measures import Figures, figures
from portal.watchdog import State
from tests.fakes.base import Says
from tests.fakes.pagerduty import PagerDuty
from tests.incidents.making import move
from tests.incidents.notify.test_delivery import dead
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import channel
from tests.people import Cast


def found(figures: Figures) -> dict[str, State]:
    every = findings(figures, None, {})
    return {each.name: each.state for each in every if each.name == "notifications"}


def test_nothing_that_waits_is_nothing_to_find(cast: Cast) -> None:
    now = figures()
    assert (now.dead, now.oldest_unsent, found(now)) == (0, 0, {})


def test_what_was_given_up_is_a_warning_until_somebody_looks(
    cast: Cast, pagerduty: PagerDuty
) -> None:
    notification = dead(cast, pagerduty)
    assert found(figures()) == {"notifications": State.WARNING}
    notification_set_aside(
        notification=notification, by=cast.principal("commander"), reason="They were called"
    )
    assert found(figures()) == {}


def test_what_nobody_sends_is_a_failure(cast: Cast) -> None:
    channel("pagerduty", cast)
    notified(cast)
    now = figures()
    assert now.oldest_unsent > 0
    late = Figures(
        **{n: getattr(now, n) for n in now.__slots__} | {"oldest_unsent": OLDEST_UNSENT + 1}
    )
    assert found(late) == {"notifications": State.FAILING}


def test_what_waits_for_its_turn_is_no_failure(cast: Cast, pagerduty: PagerDuty) -> None:
    """A page that is to be tried again later, and the acknowledgement behind it."""
    channel("pagerduty", cast, url=pagerduty.url)
    incident = notified(cast)
    pagerduty.next.extend([Says(500, {})] * 4)
    deliver_notifications()
    move(cast, incident, "acknowledge")
    assert figures().oldest_unsent == 0
