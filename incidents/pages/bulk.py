"""Pages on which one thing is done to several incidents, and that say what became of each."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from audit.models import User
from incidents import actions
from incidents.pages.base import Page, form_errors, may
from incidents.pages.forms import HandOverForm
from incidents.pages.moves import MOST_PEOPLE
from incidents.selectors import war_room as read
from incidents.selectors.lists import LONGEST_BIGINT, unacknowledged
from incidents.services.bulk import (
    MOST,
    Asked,
    Outcome,
    acknowledge_each,
    hand_over_each,
    open_roles,
)
from portal.lib.errors import FieldError, NotFound, ValidationFailed


class BulkPage(Page):
    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound


class AcknowledgeSeveral(BulkPage):
    """Those that wait for it, each with a box."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            asked = [_asked(text) for text in request.POST.getlist("incident")]
            return self.show(acknowledge_each(asked, self.by))
        except ValidationFailed as error:
            return self.show(errors=error.errors)

    def show(
        self,
        outcomes: list[Outcome] | None = None,
        errors: list[FieldError] | None = None,
    ) -> HttpResponse:
        context = {
            "outcomes": outcomes,
            "errors": errors,
            "waiting": unacknowledged(self.user, limit=MOST),
            "most": MOST,
            "may_acknowledge": may(self.user, actions.MOVES["acknowledge"]),
        }
        status = 400 if errors else 200
        title = "Acknowledge several"
        return self.page("incidents/bulk/acknowledge.html", context, title=title, status=status)


class HandOver(BulkPage):
    """Everything that somebody holds in open incidents: oneself, or `?user=` for a commander."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.show(form=self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self.show(errors=form_errors(form), form=form)
        to, reason = form.cleaned_data["to"], form.cleaned_data["reason"]
        try:
            outcomes = hand_over_each(self._whose(), to, self.by, reason)
        except ValidationFailed as error:
            return self.show(errors=error.errors, form=form)
        return self.show(outcomes, form=self._form())

    def show(
        self,
        outcomes: list[Outcome] | None = None,
        errors: list[FieldError] | None = None,
        *,
        form: HandOverForm,
    ) -> HttpResponse:
        whose = self._whose()
        context = {
            "outcomes": outcomes,
            "errors": errors,
            "whose": whose,
            "is_own": whose == self.user,
            "people": self._people(),
            "held": open_roles(whose, self.user),
            "may_hand_over": may(self.user, actions.ASSIGN),
            "form": form,
        }
        status = 400 if errors else 200
        title = "Hand over everything"
        return self.page("incidents/bulk/hand_over.html", context, title=title, status=status)

    def _form(self, data: Any = None) -> HandOverForm:
        people = [person for person in self._people() if person != self._whose()]
        return HandOverForm(data, people=people)

    def _people(self) -> list[User]:
        return read.responders(limit=MOST_PEOPLE)

    def _whose(self) -> User:
        asked = self.request.GET.get("user", "")
        if not asked:
            return self.user
        found = User.objects.filter(username=asked).first()
        if found is None:
            raise NotFound
        return found


def _asked(text: str) -> Asked:
    """`1042:3`, a number and the version that the page showed."""
    parts = text.split(":")
    if len(parts) != 2 or not all(  # noqa: PLR2004 - both
        part.isascii() and part.isdecimal() and len(part) <= LONGEST_BIGINT for part in parts
    ):
        raise ValidationFailed([FieldError("incident", "Choose from the list.")])
    return Asked(int(parts[0]), int(parts[1]))
