from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from incidents import actions
from incidents.impact import QUESTIONS
from incidents.pages.base import Act, may
from incidents.pages.forms import ReportForm
from incidents.services.incidents import incident_open
from incidents.severity import DEFINITIONS
from portal.lib.errors import NotFound


class Report(Act):
    """A person reports what no detector has seen."""

    form_class = ReportForm
    form_template = "incidents/report_form.html"
    title = "Report an incident"

    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound

    def describe(self) -> dict[str, Any]:
        return {
            "definitions": DEFINITIONS.values(),
            "questions": QUESTIONS,
            "may_report": may(self.user, actions.OPEN),
        }

    def act(self, data: dict[str, Any]) -> str:
        form = ReportForm(self.request.POST)
        form.is_valid()
        incident = incident_open(
            incident=form.incident(), by=self.by, description=data["description"].strip()
        )
        return reverse("incidents:incident-detail", args=[incident.pk])

    def done(self, place: str) -> HttpResponse:
        return self.go(place)
