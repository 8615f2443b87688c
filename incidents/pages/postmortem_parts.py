"""What is changed on the page of a postmortem: a section in its place, whys in dialogs."""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse

from incidents.models import Why
from incidents.pages.base import CHANGED, is_fragment
from incidents.pages.forms import EmptyForm, SectionForm, WhyForm
from incidents.pages.postmortem import PostmortemAct
from incidents.postmortem_record import beginning
from incidents.postmortem_template import BY_NAME, WHYS_HINT, as_text, digest
from incidents.selectors.checklists import record_of
from incidents.services.postmortems import SectionConflict, section_write
from incidents.services.whys import why_add, why_change, why_remove
from portal.lib.errors import NotFound, VigilError


class EditSection(PostmortemAct):
    form_template = "incidents/postmortem/section_form.html"

    def prepare(self) -> None:
        super().prepare()
        name = self.kwargs["section"]
        if name not in BY_NAME:
            raise NotFound
        self.section = BY_NAME[name]

    def _stored(self) -> object:
        return getattr(self.postmortem, self.section.name) if self.postmortem else ""

    def form(self, data: Any = None) -> Form:
        stored = self._stored()
        begun = as_text(stored) or beginning(self.section.name, record_of(self.incident).in_words())
        initial = {"text": begun, "seen": digest(stored)}
        return SectionForm(data, section=self.section, initial=initial)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        if is_fragment(self.request) and "shown" in self.request.GET:
            return self._as_read()
        return self._show(self.form())

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "heading": self.section.label, "section": self.section}

    def act(self, data: dict[str, Any]) -> str:
        self.postmortem = section_write(
            incident=self.incident,
            by=self.by,
            section=self.section.name,
            text=data["text"],
            seen=data["seen"],
        )
        return f"{self.place()}#section-{self.section.name}"

    def done(self, _place: str) -> HttpResponse:
        """What was saved takes the place of its form; others go on being written."""
        response = self._as_read()
        response.headers["HX-Retarget"] = f"#section-{self.section.name}"
        response.headers["HX-Reswap"] = "outerHTML"
        response.headers["HX-Trigger"] = CHANGED
        return response

    def _as_read(self) -> HttpResponse:
        context = {
            "incident": self.incident,
            "section": self.section,
            "text": self._stored(),
            "is_writable": self.is_writable,
        }
        return self.fragment("incidents/postmortem/section.html", context)

    def after_refusal(self, error: VigilError) -> dict[str, Any]:
        """What somebody else wrote in the meantime, beside one's own: to be merged by hand."""
        if not isinstance(error, SectionConflict):
            return {}
        stored = getattr(error.postmortem, self.section.name)
        writer, at = error.postmortem.last_writer_of(self.section.name)
        return {
            "section": self.section,
            "theirs": error.theirs,
            "their_name": writer or "Somebody",
            "their_at": at,
            "their_seen": digest(stored),
        }


class PartAct(PostmortemAct):
    """In a dialog; the page brings itself up to date."""

    def done(self, _place: str) -> HttpResponse:
        return HttpResponse(status=204, headers={"HX-Trigger": CHANGED})

    def why(self, pk: int) -> Why:
        found = Why.objects.filter(pk=pk, postmortem__incident=self.incident).first()
        if found is None:
            raise NotFound
        return found


class AddWhy(PartAct):
    form_class = WhyForm

    def prepare(self) -> None:
        super().prepare()
        self.written()
        above = self.kwargs.get("why")
        self.parent = self.why(above) if above else None

    def form(self, data: Any = None) -> Form:
        return self.form_class(data)

    def describe(self) -> dict[str, Any]:
        asked = f"“{self.parent.text}” Why?" if self.parent else "Why did it happen?"
        explanation = f"{asked} {WHYS_HINT}"
        heading = "Ask why"
        return {**super().describe(), "heading": heading, "explanation": explanation}

    def act(self, data: dict[str, Any]) -> str:
        why_add(postmortem=self.written(), by=self.by, text=data["text"], parent=self.parent)
        return f"{self.place()}#whys"


class ChangeWhy(PartAct):
    form_class = WhyForm
    title = "Change the answer"

    def prepare(self) -> None:
        super().prepare()
        self.found = self.why(self.kwargs["why"])

    def form(self, data: Any = None) -> Form:
        initial = {"text": self.found.text, "seen": digest(self.found.text)}
        return self.form_class(data, initial=initial)

    def act(self, data: dict[str, Any]) -> str:
        why_change(
            postmortem=self.written(),
            by=self.by,
            why=self.found,
            text=data["text"],
            seen=data["seen"],
        )
        return f"{self.place()}#whys"


class RemoveWhy(ChangeWhy):
    form_template = "incidents/dialogs/press.html"
    title = "Remove the answer"

    def form(self, data: Any = None) -> Form:
        return EmptyForm(data)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "question": self.found.text, "submit_label": "Remove"}

    def act(self, _data: dict[str, Any]) -> str:
        why_remove(postmortem=self.written(), by=self.by, why=self.found)
        return f"{self.place()}#whys"
