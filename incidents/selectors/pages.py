"""How often each person was paged, and how often at night and at weekends, by that person's own clock.

A page is one occasion on which somebody was told of an incident, or it was escalated to them, by
however many ways. Night is from 22:00 to 07:00. What each colleague was woken by is for those who
staff incidents: others find only themselves here.
"""

from dataclasses import dataclass

from django.db import connection

from audit.models import User
from audit.subjects import is_erased
from incidents.actions import COMMAND
from incidents.models.notification import Reason
from incidents.selectors.measures import Figures

NIGHT_FROM, NIGHT_UNTIL = "22:00", "07:00"
PAGED_FOR = (Reason.NOTIFIED, Reason.ESCALATED)
MOST_PEOPLE = 200


@dataclass(frozen=True, slots=True)
class PagedPerson:
    """`at_weekend` counts Saturday and Sunday, nights included; one page may be both."""

    name: str
    time_zone: str
    pages: int
    at_night: int
    at_weekend: int


# Several messages of one event are one page.
_PAGES = """
WITH page AS (
    SELECT DISTINCT notification.person_id, notification.incident_id, notification.event_id,
           notification.queued_at AT TIME ZONE person.time_zone AS at, person.username,
           person.time_zone
    FROM incidents_notification notification
    JOIN audit_user person ON person.id = notification.person_id
    WHERE notification.incident_id IN ({incidents})
      AND notification.reason = ANY (%s) AND (%s OR notification.person_id = %s)
)
SELECT person_id, username, time_zone, count(*),
       count(*) FILTER (WHERE at::time >= %s::time OR at::time < %s::time),
       count(*) FILTER (WHERE extract(isodow FROM at) >= 6)
FROM page GROUP BY person_id, username, time_zone
ORDER BY 4 DESC, username LIMIT %s
"""


def sees_everybody(user: User) -> bool:
    return user.has_perm(COMMAND)


def pages_by_person(user: User, figures: Figures) -> list[PagedPerson]:
    """Of the figures' incidents, most paged first; of oneself alone for who may not see everybody's."""
    incidents, parameters = figures.incidents.values("pk").query.sql_with_params()
    asked = [*parameters, [reason.value for reason in PAGED_FOR], sees_everybody(user), user.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            _PAGES.format(incidents=incidents), [*asked, NIGHT_FROM, NIGHT_UNTIL, MOST_PEOPLE]
        )
        return [
            PagedPerson(_name(username), zone, *counts)
            for _pk, username, zone, *counts in cursor.fetchall()
        ]


def _name(username: str) -> str:
    return "erased" if is_erased(User(username=username)) else username
