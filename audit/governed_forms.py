"""Forms of governed rows. They save nothing; they carry what the governed call needs."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.utils import display_for_value
from django.db.models import Model, QuerySet
from unfold.widgets import UnfoldAdminTextInputWidget

from audit.row_versions import DIGEST, RowConflict, version
from portal.lib.errors import ValidationFailed, VigilError

if TYPE_CHECKING:
    from django.http import QueryDict

    from audit.models import User

REASON_HELP = "Kept in the record with this change."
MAX_REASON = 500


class ReasonForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=REASON_HELP,
    )


class GovernedForm(ReasonForm, forms.ModelForm):  # type: ignore[type-arg] # of any model
    """`seen` is the version that the person was shown. With a `failure` the form is shown again as
    it was typed, and saves nothing; after a conflict it says what is stored now, and saving again
    replaces just that."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    failure: VigilError | None = None
    person: "User"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        digest = getattr(self.instance, DIGEST, None)
        if digest is None:
            return
        shown = version(digest, self._related())
        self.initial["seen"] = shown
        if self.is_bound and isinstance(self.failure, RowConflict):
            data = cast("QueryDict", self.data).copy()
            data[self.add_prefix("seen")] = shown
            self.data = data

    @property
    def chosen(self) -> dict[str, list[int]]:
        """The keys behind each of them, as they were typed. Needs a valid form."""
        return {name: [row.pk for row in self.cleaned_data[name]] for name in self.many_to_many}

    @property
    def many_to_many(self) -> list[str]:
        """The fields whose rows the form replaces as a whole."""
        return [
            field.name
            for field in self._meta.model._meta.many_to_many
            if field.name in self.base_fields
        ]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if isinstance(self.failure, ValidationFailed):
            for error in self.failure.errors:
                known = error.field if error.field in self.fields else None
                self.add_error(known, error.message)
        elif self.failure:
            self.add_error(None, self._explanation(self.failure))
        return cleaned

    def _explanation(self, failure: VigilError) -> str:
        if not isinstance(failure, RowConflict):
            return failure.message
        for name in self.changed_data:
            if name not in {"seen", "reason"}:
                self.add_error(name, f"Stored now: {self._stored(name)}")
        return (
            f"{failure.message} What you typed is still here, and nothing of it is saved."
            " Where it differs from what is stored now, the field says so; saving again replaces it."
        )

    def _stored(self, name: str) -> str:
        value = self[name].initial
        if isinstance(value, list | QuerySet):
            return ", ".join(str(item) for item in value) or "nothing"
        choices = dict(getattr(self.fields[name], "choices", ()))
        return display_for_value(choices.get(value, value), "nothing") or "nothing"

    def _related(self) -> dict[str, list[int]]:
        """From what the form shows, so that the version is of exactly that."""
        return {
            name: [row.pk if isinstance(row, Model) else row for row in self.initial.get(name, [])]
            for name in self.many_to_many
        }
