"""The severity that the answers to the questions of impact propose, as a fragment of the form."""

from django.http import HttpRequest, HttpResponse

from incidents.impact import QUESTIONS, propose
from incidents.pages.base import Page
from portal.lib.errors import NotFound

PREFIX = "impact_"


class Propose(Page):
    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        answers = {q.key: request.GET.get(f"{PREFIX}{q.key}", "") for q in QUESTIONS}
        return self.fragment("incidents/parts/proposal.html", {"proposal": propose(answers)})
