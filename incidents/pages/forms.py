"""What the pages ask for. Services check it again; a form turns text into values and names fields."""

from datetime import datetime
from typing import Any

from django import forms
from django.forms.widgets import Input

from audit.models import User
from incidents.attachments import ACCEPTED
from incidents.models import ActionItem, ContainmentAction, Incident, IncidentRole, Service
from incidents.pages.once import MAX_KEY
from incidents.postmortem_template import Section
from incidents.publishing import MAX_PUBLIC_TEXT, Word
from incidents.services.entries import MAX_TEXT
from incidents.services.incidents import MAX_TITLE
from incidents.severity import Severity

FEW_LINES = 4


def text_area(*, rows: int = FEW_LINES, **attrs: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "maxlength": MAX_TEXT, "class": "v-input", **attrs})


def long_text(label: str, *, rows: int = FEW_LINES, required: bool = True, **options: Any) -> Any:
    """The service insists on it; here `required` only tells the browser to ask before it sends."""
    attrs = {"required": True} if required else {}
    placeholder = options.pop("placeholder", "")
    widget = text_area(rows=rows, placeholder=placeholder, **attrs)
    return forms.CharField(label=label, required=False, strip=False, widget=widget, **options)


class SeverityField(forms.ChoiceField):
    """Drawn by `incidents/severity_choice.html`, with what each means."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Severity.choices, widget=forms.RadioSelect, **options)


class LocalInstantInput(Input):
    """A date and a time of day, in the viewer's own zone."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, datetime):
            # A form's field has brought it to the viewer's zone.
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        return str(value) if value else None


class DayInput(Input):
    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        return str(value) if value else None


class VersionForm(forms.Form):
    """`version` is the incident's as the person saw it."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class MoveForm(VersionForm):
    reason = long_text("Reason")


class SeverityForm(VersionForm):
    severity = SeverityField(label="Severity")
    reason = long_text("Why does it change?")


class AssignForm(forms.Form):
    role = forms.ChoiceField(
        choices=IncidentRole.Role.choices, widget=forms.Select(attrs={"class": "v-input"})
    )

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"] = person_field(people)


class LetInForm(forms.Form):
    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"] = person_field(people)


class HandOverForm(forms.Form):
    reason = long_text("Why?", rows=2)

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"] = person_field(people)
        self.fields["to"].label = "To"
        self.order_fields(["to", "reason"])


def person_field(people: list[User]) -> Any:
    choices = [("", "Choose a person"), *((str(user.pk), _named(user)) for user in people)]
    return forms.TypedChoiceField(
        label="Person",
        choices=choices,
        coerce={str(user.pk): user for user in people}.get,
        widget=forms.Select(attrs={"class": "v-input"}),
    )


def _named(user: User) -> str:
    full = user.get_full_name()
    return f"{full} ({user.username})" if full else user.username


class PauseForm(forms.Form):
    reason = long_text("Why does this clock stop?")


class ReasonForm(forms.Form):
    reason = long_text("Why?")


class EmptyForm(forms.Form):
    """A single press."""


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class NoteForm(forms.Form):
    """`key` is that of one entry, however often it is sent. The files come from the request."""

    key = forms.CharField(required=False, max_length=MAX_KEY, widget=forms.HiddenInput)
    text = long_text("What happened?", rows=2)
    files = forms.Field(  # type: ignore[assignment] # a field of that name
        label="Files",
        required=False,
        widget=FilesInput(attrs={"accept": ACCEPTED, "class": "v-files"}),
    )
    occurred_at = forms.DateTimeField(
        label="When it happened",
        required=False,
        widget=LocalInstantInput(attrs={"class": "v-input", "step": "1"}),
    )


class UpdateForm(forms.Form):
    word = forms.ChoiceField(
        label="How it stands",
        choices=Word.choices,
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    text = forms.CharField(
        label="What the public reads",
        required=False,
        strip=False,
        widget=text_area(rows=6, required=True, maxlength=MAX_PUBLIC_TEXT),
    )


class CorrectionForm(forms.Form):
    text = long_text("How it should read", rows=6)
    occurred_at = forms.DateTimeField(
        label="When it happened",
        required=False,
        widget=LocalInstantInput(attrs={"class": "v-input", "step": "1"}),
    )


class ReportForm(forms.Form):
    title = forms.CharField(
        label="What is wrong?",
        required=False,
        help_text="One line that somebody woken up by it understands.",
        widget=forms.TextInput(
            attrs={"class": "v-input", "maxlength": MAX_TITLE, "required": True, "autofocus": True}
        ),
    )
    severity = SeverityField(label="How bad is it?")
    service = forms.ModelChoiceField(
        Service.objects.all(),
        required=False,
        empty_label="Not known yet",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    description = long_text(
        "What do you know so far?",
        required=False,
        help_text="Optional. It becomes the first note of the timeline.",
    )
    is_restricted = forms.BooleanField(
        label="Restrict it from the start",
        required=False,
        help_text="For security incidents: only you and those who are let in know of it.",
    )
    is_drill = forms.BooleanField(
        label="This is a drill",
        required=False,
        help_text="Worked like any other, and left out of the figures.",
    )

    def incident(self) -> Incident:
        """Unsaved, from checked data."""
        data = self.cleaned_data
        return Incident(
            title=data["title"],
            severity=data["severity"],
            service=data["service"],
            is_restricted=data["is_restricted"],
            is_drill=data["is_drill"],
        )


class AcceptForm(forms.Form):
    """`version` is the one that the person read."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class SendBackForm(AcceptForm):
    reason = long_text("What is missing?")


class SectionForm(forms.Form):
    """`seen` is the digest of the text that the person started from."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, section: Section, **options: Any) -> None:
        super().__init__(data, auto_id=f"{section.name}_%s", **options)
        self.fields["text"] = long_text(
            section.label, rows=section.rows, required=False, help_text=section.hint
        )


class WhyForm(forms.Form):
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    text = long_text("Because …", rows=3)


class ItemForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput, initial=0)
    text = long_text("What is done?", rows=3)
    due_on = forms.DateField(
        label="Until when?",
        widget=DayInput(attrs={"class": "v-input", "required": True}),
    )
    kind = forms.ChoiceField(
        label="What is it for?",
        choices=ActionItem.Kind.choices,
        widget=forms.Select(attrs={"class": "v-input"}),
    )

    def __init__(self, *args: Any, people: list[User], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["owner"] = person_field(people)
        self.fields["owner"].label = "Who sees to it?"
        self.order_fields(["version", "text", "owner", "due_on", "kind"])


class DropForm(VersionForm):
    reason = long_text("Why will it not be done?")


def _line(label: str, *, most: int, **options: Any) -> Any:
    attrs = {"class": "v-input", "maxlength": most}
    if not options.pop("optional", False):
        attrs["required"] = True
    return forms.CharField(
        label=label, required=False, widget=forms.TextInput(attrs=attrs), **options
    )


class CheckForm(forms.Form):
    text = _line("What is to be done?", most=500)
    is_required = forms.BooleanField(label="It has to be answered", required=False)

    def __init__(self, *args: Any, people: list[User], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["assignee"] = optional_person(people)
        self.order_fields(["text", "assignee", "is_required"])


class CheckAssignForm(VersionForm):
    def __init__(self, *args: Any, people: list[User], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["assignee"] = optional_person(people)


class CheckDoneForm(VersionForm):
    evidence = long_text("What shows it?", required=False, rows=3, help_text="Optional.")
    evidence_url = _line(
        "Where is it to be seen?", most=1000, optional=True, help_text="A web address. Optional."
    )


class CheckSkipForm(VersionForm):
    reason = long_text("Why does it not apply?")


class OfferForm(AssignForm):
    note = long_text("What should they know?", required=False, help_text="Optional.")
    field_order = ("role", "user", "note")

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, people=people, **kwargs)
        self.order_fields(self.field_order)


class TakeForm(forms.Form):
    role = forms.ChoiceField(
        choices=IncidentRole.Role.choices, widget=forms.Select(attrs={"class": "v-input"})
    )
    reason = long_text("Why do you take it?")


class ContainmentForm(forms.Form):
    kind = forms.ChoiceField(
        label="What was done?",
        choices=ContainmentAction.Kind.choices,
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    target = _line("To what?", most=255)
    performed_by = _line("By whom?", most=200)
    performed_at = forms.DateTimeField(
        label="When",
        required=False,
        help_text="Now, where it is empty.",
        widget=LocalInstantInput(attrs={"class": "v-input", "step": "1"}),
    )


def optional_person(people: list[User]) -> Any:
    field = person_field(people)
    field.label, field.required, field.empty_value = "Who does it?", False, None
    field.choices = [("", "Nobody in particular"), *field.choices[1:]]
    return field
