"""Past postmortems by their words. The text that is searched is kept by the database itself."""

import re
from dataclasses import dataclass

from django.contrib.postgres.search import SearchHeadline, SearchQuery
from django.db.models import F, QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from audit.models import User
from audit.principal import Principal
from incidents.models import Postmortem
from incidents.selectors.slices import newest
from incidents.selectors.visibility import incidents_visible_to

CONFIG = "english"
MAX_TEXT = 200
# Stand around what was found until everything is escaped; whoever typed one loses nothing but it.
_OPEN, _CLOSE = "\ue000", "\ue001"
_FOUND = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")


@dataclass(frozen=True, slots=True)
class Found:
    postmortem: Postmortem
    excerpt: SafeString


def postmortems_visible_to(who: User | Principal) -> QuerySet[Postmortem]:
    visible = incidents_visible_to(who).order_by().values("pk")
    return Postmortem.objects.filter(incident__in=visible)


def postmortem_list(
    who: User | Principal, text: str = "", *, before: int | None = None, limit: int
) -> tuple[list[Found], bool]:
    """Newest first, and whether there are more; without a text, all of them.

    Words, "phrases", `or` and `-without` as web searches have them.
    """
    rows = postmortems_visible_to(who).select_related("incident__service", "accepted_by", "author")
    if text.strip():
        query = SearchQuery(text, config=CONFIG, search_type="websearch")
        rows = rows.filter(postmortemwords__vector=query)
        found = newest(rows, before=before, limit=limit)
        excerpts = _excerpts(found.rows, query)
    else:
        found = newest(rows, before=before, limit=limit)
        excerpts = {row.pk: row.summary[:240] for row in found.rows}
    return [Found(row, marked(excerpts.get(row.pk, ""))) for row in found.rows], found.has_more


def _excerpts(rows: list[Postmortem], query: SearchQuery) -> dict[int, str]:
    """Of the rows of one page alone: an excerpt costs more than finding what it is of."""
    headline = SearchHeadline(
        F("postmortemwords__body"),
        query,
        config=CONFIG,
        start_sel=_OPEN,
        stop_sel=_CLOSE,
        max_words=35,
        min_words=15,
        max_fragments=2,
        fragment_delimiter=" … ",
    )
    found = Postmortem.objects.filter(pk__in=[row.pk for row in rows])
    return dict(found.annotate(excerpt=headline).values_list("pk", "excerpt"))


def marked(excerpt: str) -> SafeString:
    """Escaped, with what was found in `<mark>`."""
    parts = _FOUND.split(excerpt)
    return format_html_join(
        "", "{}", ((_part(text, position % 2),) for position, text in enumerate(parts))
    )


def _part(text: str, is_found: int) -> str:
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    return format_html_join("", "<mark>{}</mark>", [(text,)]) if is_found else text
