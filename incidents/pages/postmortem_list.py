"""Past postmortems, searched by their words; and those like an incident that is being worked."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from incidents.pages.base import IncidentPage, Page
from incidents.selectors.postmortem_search import MAX_TEXT, postmortem_list
from incidents.selectors.similar import similar_to
from portal.lib.errors import NotFound

ROWS = 25
LONGEST_BIGINT = 18


class PostmortemList(Page):
    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").replace("\0", "")[:MAX_TEXT]
        before = request.GET.get("before", "")
        is_number = before.isascii() and before.isdecimal() and len(before) <= LONGEST_BIGINT
        rows, has_more = postmortem_list(
            self.user, text, before=int(before) if is_number else None, limit=ROWS
        )
        context: dict[str, Any] = {
            "text": text,
            "max_text": MAX_TEXT,
            "rows": rows,
            "is_first": not is_number,
            "oldest": rows[-1].postmortem.pk if has_more else None,
        }
        return self.page("incidents/postmortems.html", context, title="Postmortems")


class SimilarIncidents(IncidentPage):
    """A part of the war room that it asks for by itself, once."""

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        context = {"incident": self.incident, "similar": similar_to(self.user, self.incident)}
        return self.fragment("incidents/war_room/similar.html", context)
