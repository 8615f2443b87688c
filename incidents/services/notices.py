"""Tells of clocks whose time runs out, at the parts of it that `clock_rules.NOTICES` lists.

Nothing depends on it: a deadline is missed whether anybody noticed or not. It is on record that it
was noticed, and when.
"""

from datetime import datetime, timedelta

from django.db import connection

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.clock_rules import BY_KIND, NOTICES, due_at
from incidents.models import ClockLeg, ClockNotice, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import OPEN
from incidents.services.clocks import current_clocks
from incidents.services.entries import Kind, entry_add
from incidents.services.locking import incident_lock

# Below this part, the war room's countdown says it well enough.
WRITTEN_FROM = 90
# Later than this, the notice says so.
LATE = timedelta(minutes=1)
MOST = 500
_DUE = """
SELECT DISTINCT incident.id
FROM incidents_incident incident
JOIN incidents_clockleg leg ON leg.incident_id = incident.id AND leg.phase = 'running'
CROSS JOIN unnest(%s) percent
WHERE incident.state = ANY (%s)
  AND incident.next_target_at IS NOT NULL
  AND leg.target_at - leg.target * (100 - percent) / 100 <= statement_timestamp()
  AND NOT EXISTS (
      SELECT FROM incidents_clockleg later
      WHERE later.incident_id = leg.incident_id AND later.kind = leg.kind
        AND (later.cycle, later.position) > (leg.cycle, leg.position))
  AND NOT EXISTS (
      SELECT FROM incidents_clocknotice notice
      WHERE notice.leg_id = leg.id AND notice.percent = percent)
ORDER BY incident.id LIMIT %s
"""


class NothingIsDue(Exception):
    """Somebody else has noticed, or the clock was met meanwhile; nothing is recorded."""


def incidents_with_notices_due() -> list[Incident]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [list(NOTICES), list(OPEN), MOST])
        found = [pk for (pk,) in cursor.fetchall()]
    return list(Incident.objects.filter(pk__in=found).order_by("pk"))


@governed(actions.NOTICE, on="incident")
def clocks_notice(*, incident: Incident, by: Principal) -> list[ClockNotice]:
    """All that is due for one incident. Raises `NothingIsDue`."""
    locked = incident_lock(incident)
    now = current().at
    due = [
        notice
        for legs in current_clocks(locked).values()
        if legs[-1].phase == ClockLeg.Phase.RUNNING
        for notice in _due(legs[-1], now)
    ]
    if not due:
        raise NothingIsDue
    made = ClockNotice.objects.bulk_create(due)
    current().note(notices=[f"{notice.leg.kind} {notice.percent} %" for notice in made])
    for notice in made:
        if notice.percent >= WRITTEN_FROM and notice is _last(made, notice.leg):
            entry_add(locked, Kind.CLOCK, _words(notice))
    return made


def _due(leg: ClockLeg, now: datetime) -> list[ClockNotice]:
    if leg.target is None or leg.target_at is None:
        return []
    known = set(leg.notices.values_list("percent", flat=True))
    instants = {percent: due_at(percent, leg.target, leg.target_at) for percent in NOTICES}
    return [
        ClockNotice(leg=leg, percent=percent, due_at=at, noticed_at=now)
        for percent, at in instants.items()
        if at <= now and percent not in known
    ]


def _last(notices: list[ClockNotice], leg: ClockLeg) -> ClockNotice:
    return [notice for notice in notices if notice.leg_id == leg.pk][-1]


def _words(notice: ClockNotice) -> str:
    kind = ClockKind(notice.leg.kind)
    if notice.percent < 100:  # noqa: PLR2004 - percent
        words = f"{kind.label} clock: {notice.percent} % of its time is gone."
    else:
        words = f"{kind.label} clock: deadline missed. {BY_KIND[kind].promise}."
    late = notice.noticed_at - notice.due_at
    if late > LATE:
        words += f" Noticed {round(late / timedelta(minutes=1))} min late."
    return words
