"""How long incidents took, and which promises were kept: of those detected in a period.

Drills and false positives are no part of it, and nobody's figures tell of an incident that is hidden
from them. Times are medians, which one long weekend does not move, beside the mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Avg, Case, Count, DurationField, F, OuterRef, QuerySet, Subquery, When
from django.db.models.aggregates import Aggregate
from django.db.models.functions import TruncWeek
from django.utils import timezone

from audit.models import User
from incidents.models import Alert, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.selectors.visibility import incidents_visible_to
from incidents.severity import Severity

# A service or team with fewer incidents than the first so many is told in no row of its own.
SERVICES = TEAMS = 50


class Median(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open, by the instant of detection."""

    since: datetime
    until: datetime
    severity: str = ""
    service: int | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """None where no incident got that far."""

    median: timedelta | None
    mean: timedelta | None


@dataclass(frozen=True, slots=True)
class Measures:
    """`detect` is from when the first alert says that it began; `acknowledge` and `resolve` are from
    detection. `clocks` counts those promises that were not called off, `breached` those broken."""

    name: str
    incidents: int
    detect: Time
    acknowledge: Time
    resolve: Time
    clocks: int = 0
    breached: int = 0

    @property
    def breach_rate(self) -> float | None:
        return self.breached / self.clocks if self.clocks else None


@dataclass(frozen=True, slots=True)
class Promise:
    kind: ClockKind
    clocks: int
    breached: int

    @property
    def rate(self) -> float:
        return self.breached / self.clocks


@dataclass(frozen=True, slots=True)
class Week:
    """`by_severity` from P0 to P3."""

    begins: datetime
    by_severity: tuple[int, ...]

    @property
    def incidents(self) -> int:
        return sum(self.by_severity)


# By which of the columns a row of the following is grouped, as `grouping` tells it.
_GROUPS = {0b1111: "all", 0b0111: "kind", 0b1011: "severity", 0b1101: "service", 0b1110: "team"}
# A clock is broken once a leg ran past its target (`sla.verdict`), and counts unless it was called off.
_CLOCKS = """
WITH leg AS (
    SELECT incident_id, kind, cycle, position, phase, target_at,
           lead(began_at) OVER (PARTITION BY incident_id, kind, cycle ORDER BY position) AS ended_at
    FROM incidents_clockleg WHERE incident_id IN ({incidents})
), clock AS (
    SELECT incident_id, kind,
           (array_agg(phase ORDER BY position DESC))[1] AS phase,
           bool_or(phase = 'running' AND coalesce(ended_at, statement_timestamp()) > target_at)
               AS is_breached
    FROM leg GROUP BY incident_id, kind, cycle
)
SELECT grouping(clock.kind, incident.severity, incident.service_id, service.team_id),
       clock.kind, incident.severity, incident.service_id, service.team_id,
       count(*), count(*) FILTER (WHERE clock.is_breached)
FROM clock JOIN incidents_incident incident ON incident.id = clock.incident_id
LEFT JOIN incidents_service service ON service.id = incident.service_id
WHERE clock.phase <> 'cancelled'
GROUP BY GROUPING SETS
    ((), (clock.kind), (incident.severity), (incident.service_id), (service.team_id))
"""


class Figures:
    """Asked once for each figure that a page shows; costs what the period holds, not the table."""

    def __init__(self, user: User, period: Period) -> None:
        incidents = incidents_visible_to(user).filter(
            detected_at__gte=period.since, detected_at__lt=period.until, is_drill=False
        )
        incidents = incidents.exclude(state=State.FALSE_POSITIVE)
        if period.severity:
            incidents = incidents.filter(severity=period.severity)
        if period.service is not None:
            incidents = incidents.filter(service=period.service)
        self._period = period
        self._incidents = incidents.order_by()
        self._clocks = self._ask_clocks()

    def whole(self) -> Measures:
        return self._measures("All", None, _timed(self._incidents).aggregate(**_TIMES))

    def by_severity(self) -> list[Measures]:
        rows = self._grouped("severity").order_by("severity")
        return [self._measures(row["severity"], ("severity", row["severity"]), row) for row in rows]

    def by_service(self) -> list[Measures]:
        return self._by_owner("service", "service", "No service", SERVICES)

    def by_team(self) -> list[Measures]:
        """By the team that answers now for the incident's service."""
        return self._by_owner("team", "service__team", "No team", TEAMS)

    def _by_owner(self, group: str, path: str, nobody: str, most: int) -> list[Measures]:
        key, name = f"{path}_id", f"{path}__name"
        rows = self._grouped(key, name).order_by("-incidents", name)[:most]
        return [self._measures(row[name] or nobody, (group, row[key]), row) for row in rows]

    def promises(self) -> list[Promise]:
        found = ((kind, self._clocks.get(("kind", kind.value))) for kind in ClockKind)
        return [Promise(kind, *counts) for kind, counts in found if counts]

    @property
    def incidents(self) -> QuerySet[Incident]:
        """Those that the figures are of."""
        return self._incidents

    def by_week(self) -> list[Week]:
        """Every week that the period touches, in the viewer's zone."""
        rows = (
            self._incidents.annotate(week=TruncWeek("detected_at"))
            .values_list("week", "severity")
            .annotate(incidents=Count("pk"))
        )
        counts = {(week, severity): number for week, severity, number in rows}
        return [
            Week(week, tuple(counts.get((week, severity.value), 0) for severity in Severity))
            for week in _weeks(self._period)
        ]

    def _grouped(self, *names: str) -> Any:
        return _timed(self._incidents).values(*names).annotate(**_TIMES)

    def _measures(
        self, name: str, group: tuple[str, object] | None, row: dict[str, Any]
    ) -> Measures:
        clocks, breached = self._clocks.get(group or ("all", None), (0, 0))
        detect, acknowledge, resolve = (
            Time(row[f"{what}_median"], row[f"{what}_mean"]) for what in _SPANS
        )
        return Measures(name, row["incidents"], detect, acknowledge, resolve, clocks, breached)

    def _ask_clocks(self) -> dict[tuple[str, object], tuple[int, int]]:
        incidents, parameters = self._incidents.values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(_CLOCKS.format(incidents=incidents), parameters)
            rows = cursor.fetchall()
        return {
            (
                _GROUPS[by],
                dict(zip(("kind", "severity", "service", "team"), keys, strict=True)).get(
                    _GROUPS[by]
                ),
            ): (clocks, breached)
            for by, *keys, clocks, breached in rows
        }


def _timed(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """With when it began, as the alert that opened it says."""
    first = Alert.objects.filter(incident=OuterRef("pk")).order_by("pk")
    return incidents.annotate(began_at=Subquery(first.values("starts_at")[:1]))


def _weeks(period: Period) -> Iterator[datetime]:
    first = timezone.localtime(period.since)
    monday = first.date() - timedelta(days=first.weekday())
    week = datetime.combine(monday, time(), first.tzinfo)
    while week < period.until:
        yield week
        # By the calendar: midnight stays midnight when the clocks change.
        week += timedelta(days=7)


_SPANS = {
    # A detector's clock may be ahead of ours.
    "detect": Case(
        When(began_at__lt=F("detected_at"), then=F("detected_at") - F("began_at")),
        When(began_at__isnull=False, then=timedelta()),
        output_field=DurationField(),
    ),
    "acknowledge": F("acknowledged_at") - F("detected_at"),
    "resolve": F("resolved_at") - F("detected_at"),
}
_TIMES: dict[str, Any] = {"incidents": Count("pk")}
for _what, _span in _SPANS.items():
    _TIMES[f"{_what}_median"], _TIMES[f"{_what}_mean"] = Median(_span), Avg(_span)
