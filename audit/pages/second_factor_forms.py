from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

MAX_CODE, MAX_PASSWORD = 64, 4096


def _code(help_text: str = "Six digits of your app, or a recovery code.") -> Any:
    attrs = {"autocomplete": "one-time-code", "spellcheck": "false"}
    return forms.CharField(
        label="Code",
        max_length=MAX_CODE,
        widget=UnfoldAdminTextInputWidget(attrs=attrs),
        help_text=help_text,
    )


def _password() -> Any:
    attrs = {"autocomplete": "current-password"}
    return forms.CharField(
        label="Your password",
        max_length=MAX_PASSWORD,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs=attrs),
    )


class PasswordForm(forms.Form):
    password = _password()


class CodeForm(forms.Form):
    code = _code()


class AppCodeForm(forms.Form):
    code = _code("Six digits.")


class RemoveForm(forms.Form):
    password = _password()
    code = _code()
