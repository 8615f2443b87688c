"""The list of incidents. It takes the place of the admin's own, whose counts grow with the table."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from incidents import actions
from incidents.models import Service
from incidents.pages.base import Page, is_fragment, may
from incidents.pages.forms import LocalInstantInput
from incidents.procedure import State
from incidents.selectors.lists import IncidentFilter, incident_list, with_commanders
from incidents.selectors.war_room import digest
from incidents.severity import Severity
from portal.lib.errors import NotFound

ROWS = 50
RANGES = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class FilterForm(forms.Form):
    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={
                "class": "v-input",
                "type": "search",
                "placeholder": "Number or words of the title",
            }
        ),
    )
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any"),
            ("open", "Open"),
            ("ended", "Ended"),
            ("Each", [(state.value, state.label) for state in State]),
        ],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    severity = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *Severity.choices],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    service = forms.ModelChoiceField(
        Service.objects.all(),
        required=False,
        empty_label="Any",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    range = forms.ChoiceField(
        label="Detected",
        required=False,
        choices=[
            ("", "Any time"),
            ("24h", "Last 24 hours"),
            ("7d", "Last 7 days"),
            ("30d", "Last 30 days"),
            ("custom", "Between …"),
        ],
        widget=forms.Select(attrs={"class": "v-input", "data-reveals": "custom"}),
    )
    since = forms.DateTimeField(
        label="From", required=False, widget=LocalInstantInput(attrs={"class": "v-input"})
    )
    until = forms.DateTimeField(
        label="Until", required=False, widget=LocalInstantInput(attrs={"class": "v-input"})
    )

    def wanted(self) -> IncidentFilter:
        """What could not be read narrows nothing; the form says what was wrong with it."""
        data: dict[str, Any] = self.cleaned_data if self.is_valid() else {}
        data = data or {name: self.cleaned_data.get(name) for name in self.fields}
        since, until = data["since"], data["until"]
        if data["range"] != "custom":
            past = RANGES.get(data["range"] or "")
            since, until = (timezone.now() - past if past else None), None
        service = data["service"]
        return IncidentFilter(
            state=data["state"] or "",
            severity=data["severity"] or "",
            service=service.pk if service else None,
            since=since,
            until=until,
            text=(data["q"] or "").replace("\0", ""),
        )


class IncidentList(Page):
    """Newest first. The first page is live; older ones are reached by keyset."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound
        asked = request.GET.copy()
        before = asked.pop("before", [""])[-1]
        form = FilterForm(asked or {"state": "open"})
        found = incident_list(
            self.user,
            form.wanted(),
            before=int(before) if before.isdecimal() and before.isascii() else None,
            limit=ROWS,
        )
        rows = with_commanders(found.rows)
        etag = digest(
            [
                (r.incident.pk, r.incident.version, r.incident.next_target_at, r.commander)
                for r in rows
            ]
        )
        if is_fragment(request) and (unchanged := self.unchanged(etag)):
            return unchanged
        context = {
            "form": form,
            "rows": rows,
            "has_more": found.has_more,
            "query": asked.urlencode(),
            "is_first": not before,
            "is_narrowed": bool(asked),
            "oldest": rows[-1].incident.pk if rows else None,
            "may_report": may(self.user, actions.OPEN),
        }
        if is_fragment(request):
            return self.fragment("incidents/list_rows.html", context, etag=etag)
        return self.page("incidents/list.html", context, title="Incidents")
