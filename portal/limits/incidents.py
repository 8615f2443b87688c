"""Which open incidents are P0 or P1, looked up beside the requests, never within one.

Fails towards letting in: one that is newer than the last look counts as P0, and while the database
is away the last look holds.
"""

from django.db import connection

from incidents.procedure import OPEN
from incidents.severity import Severity

MOST = 10_000
_URGENT = """
SELECT id, severity FROM incidents_incident
WHERE state = ANY (%s) AND severity = ANY (%s) ORDER BY id DESC LIMIT %s
"""


class Incidents:
    def __init__(self) -> None:
        self._urgent: dict[int, str] = {}
        self._newest = 0

    def severity(self, number: int) -> str:
        """Empty for one that is not urgent."""
        if number > self._newest:
            return Severity.P0
        return self._urgent.get(number, "")

    def look(self) -> None:
        with connection.cursor() as cursor:
            # First, so that one opened in between counts as newer.
            cursor.execute("SELECT coalesce(max(id), 0) FROM incidents_incident")
            (newest,) = cursor.fetchone()
            cursor.execute(_URGENT, [list(OPEN), [Severity.P0, Severity.P1], MOST])
            self._urgent, self._newest = dict(cursor.fetchall()), newest


incidents = Incidents()
