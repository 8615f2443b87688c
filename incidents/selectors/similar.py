"""Past incidents that may tell how to go on with this one: by service, title, and what postmortems say.

Only so many of the newest are weighed, of the same service and of all, found by their indexes: what it
costs does not grow with the tables. No model is involved: trigrams (pg_trgm) and the words of the title.
"""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramSimilarity
from django.db import connection
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Upper

from audit.models import User
from incidents.models import Incident
from incidents.selectors.postmortem_search import CONFIG
from incidents.selectors.visibility import incidents_visible_to

SHOWN = 5
# The newest so many of each kind are weighed.
OF_SERVICE, OF_ALL, TELLING = 1_000, 500, 200
ALIKE = 0.3
WORDS = 12
_WEIGHTS = {"title": 1.0, "service": 0.25, "postmortem": 0.8}


@dataclass(slots=True)
class Similar:
    """`reasons` in words, the strongest first."""

    incident: Incident
    score: float = 0.0
    reasons: list[str] = field(default_factory=list)
    has_postmortem: bool = False


def similar_to(user: User, incident: Incident) -> list[Similar]:
    others = incidents_visible_to(user).exclude(pk=incident.pk).filter(is_drill=False)
    found: dict[int, Similar] = {}
    for pk, likeness in _by_title(others, incident):
        percent = round(likeness * 100)
        _add(found, pk, _WEIGHTS["title"] * likeness, f"Similar title ({percent} %)")
    for pk, rank in _by_postmortem(others, incident):
        _add(found, pk, _WEIGHTS["postmortem"] * rank, "Its postmortem speaks of the same")
    same = _same_service(others, incident, list(found))
    for pk in same:
        _add(found, pk, _WEIGHTS["service"], "Same service")
    best = sorted(found.items(), key=lambda pair: (-pair[1].score, -pair[0]))[:SHOWN]
    rows = others.select_related("service").in_bulk([pk for pk, _similar in best])
    told = set(
        Incident.objects.filter(pk__in=rows, postmortem__accepted_at__isnull=False).values_list(
            "pk", flat=True
        )
    )
    shown = []
    for pk, similar in best:
        if pk in rows:
            similar.incident, similar.has_postmortem = rows[pk], pk in told
            shown.append(similar)
    return shown


def _add(found: dict[int, Similar], pk: int, score: float, reason: str) -> None:
    similar = found.setdefault(pk, Similar(Incident(pk=pk)))
    similar.score += score
    similar.reasons.append(reason)


def _by_title(others: QuerySet[Incident], incident: Incident) -> list[tuple[int, float]]:
    newest = others.order_by("-id").values("pk")
    of_service = newest.filter(service=incident.service_id)[:OF_SERVICE]
    weighed = newest[:OF_ALL].union(of_service) if incident.service_id else newest[:OF_ALL]
    title: Any = Upper(Value(incident.title))
    rows = Incident.objects.filter(pk__in=weighed).order_by()
    upper: Any = Upper("title")
    likeness = TrigramSimilarity(upper, title)
    alike = (
        rows.annotate(likeness=likeness).filter(likeness__gte=ALIKE).order_by("-likeness", "-id")
    )
    return list(alike.values_list("pk", "likeness")[: SHOWN * 4])


def _by_postmortem(others: QuerySet[Incident], incident: Incident) -> list[tuple[int, float]]:
    words = _words(incident.title)
    if not words:
        return []
    query = SearchQuery(" | ".join(words), config=CONFIG, search_type="raw")
    telling = others.filter(postmortem__postmortemwords__vector=query)
    newest = telling.order_by("-id").values("pk")[:TELLING]
    # Of 32, the rank divided by itself plus one: between 0 and 1.
    rank = SearchRank(F("postmortem__postmortemwords__vector"), query, normalization=Value(32))
    rows: Any = Incident.objects.filter(pk__in=newest).order_by().annotate(rank=rank)
    return list(rows.values_list("pk", "rank"))


def _words(title: str) -> list[str]:
    """The lexemes of a title, quoted for a raw query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(to_tsvector(%s::regconfig, %s))", [CONFIG, title])
        lexemes = cursor.fetchone()[0]
    return ["'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in lexemes[:WORDS]]


def _same_service(others: QuerySet[Incident], incident: Incident, known: list[int]) -> list[int]:
    """Those already found that share the service, and its newest."""
    if incident.service_id is None:
        return []
    of_service = others.filter(service=incident.service_id).order_by("-id")
    both = list(of_service.filter(pk__in=known).values_list("pk", flat=True))
    return list(dict.fromkeys([*both, *of_service.values_list("pk", flat=True)[:SHOWN]]))
