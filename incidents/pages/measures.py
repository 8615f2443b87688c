"""How incidents went: times, kept promises, and where they come from; as a page and as CSV."""

import csv
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from incidents.models import Service
from incidents.pages.base import Page
from incidents.pages.charts import bars, lines
from incidents.pages.forms import LocalInstantInput
from incidents.selectors.measures import Figures, Measures, Period, Time
from incidents.selectors.pages import pages_by_person, sees_everybody
from incidents.severity import Severity
from portal.lib.errors import NotFound

RANGES = {"30d": 30, "90d": 90, "365d": 365}
DEFAULT = "90d"
# A page, not a report over all time: what it costs grows with what the period holds.
LONGEST = timedelta(days=5 * 366)


class PeriodForm(forms.Form):
    range = forms.ChoiceField(
        label="Detected",
        required=False,
        choices=[
            *((key, f"Last {days} days") for key, days in RANGES.items()),
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

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("range") != "custom":
            return data
        since, until = data.get("since"), data.get("until") or timezone.now()
        if since is None:
            self.add_error("since", "Say from when.")
        elif since >= until:
            self.add_error("until", "This is not after the beginning.")
        elif until - since > LONGEST:
            self.add_error("since", "At most five years are shown at once.")
        return data

    def period(self) -> Period | None:
        """None where it is not one; the form says why."""
        if not self.is_valid():
            return None
        data, now = self.cleaned_data, timezone.now()
        since, until = data["since"], data["until"] or now
        if data["range"] != "custom":
            since, until = now - timedelta(days=RANGES[data["range"] or DEFAULT]), now
        service = data["service"]
        return Period(since, until, data["severity"], service.pk if service else None)


class MeasuresPage(Page):
    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        form = PeriodForm(request.GET or {"range": DEFAULT})
        period = form.period()
        context: dict[str, Any] = {
            "form": form,
            "query": request.GET.urlencode(),
            "severities": Severity.values,
        }
        if period is not None:
            figures = Figures(self.user, period)
            context |= {
                "period": period,
                "whole": figures.whole(),
                "promises": figures.promises(),
                "groups": [
                    ("Severity", figures.by_severity()),
                    ("Service", figures.by_service()),
                    ("Team", figures.by_team()),
                ],
                "chart": bars(figures.by_week()),
                "paged": (paged := pages_by_person(self.user, figures)),
                "paged_chart": lines(paged),
                "sees_everybody": sees_everybody(self.user),
            }
        return self.page("incidents/measures.html", context, title="Metrics")


COLUMNS = (
    ("group", "name", "incidents"),
    ("detect_median_s", "detect_mean_s", "acknowledge_median_s", "acknowledge_mean_s"),
    ("resolve_median_s", "resolve_mean_s", "clocks", "clocks_breached"),
)


PAGES_COLUMNS = ("person", "time_zone", "pages", "at_night", "at_weekend")


class MeasuresCsv(MeasuresPage):
    """The same figures; times in whole seconds, empty where there is none."""

    filename = "vigil-metrics.csv"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = PeriodForm(request.GET or {"range": DEFAULT})
        period = form.period()
        if period is None:
            return self.page("incidents/measures.html", {"form": form}, title="Metrics", status=400)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{self.filename}"'
        csv.writer(response).writerows(self.rows(Figures(self.user, period)))
        return response

    def rows(self, figures: Figures) -> Iterator[Sequence[object]]:
        yield [name for part in COLUMNS for name in part]
        yield _row("all", figures.whole())
        for group, measures in (
            ("severity", figures.by_severity()),
            ("service", figures.by_service()),
            ("team", figures.by_team()),
        ):
            yield from (_row(group, each) for each in measures)


class PagesCsv(MeasuresCsv):
    """Who was paged how often, of those whom the reader may see that of."""

    filename = "vigil-pages.csv"

    def rows(self, figures: Figures) -> Iterator[Sequence[object]]:
        yield PAGES_COLUMNS
        for each in pages_by_person(self.user, figures):
            counts = (each.pages, each.at_night, each.at_weekend)
            yield [_text(each.name), _text(each.time_zone), *counts]


def _row(group: str, each: Measures) -> list[object]:
    times = [_seconds(time) for time in (each.detect, each.acknowledge, each.resolve)]
    flat = [second for pair in times for second in pair]
    return [group, _text(each.name), each.incidents, *flat, each.clocks, each.breached]


def _seconds(time: Time) -> list[object]:
    spans = (time.median, time.mean)
    return ["" if span is None else int(span.total_seconds()) for span in spans]


def _text(name: str) -> str:
    """A spreadsheet must not take what somebody typed for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
