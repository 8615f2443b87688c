from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from unfold.forms import AuthenticationForm as UnfoldAuthenticationForm


class SignInForm(UnfoldAuthenticationForm):  # type: ignore[misc] # no stubs
    """Open to every active account: `is_staff` means nothing here, permissions do."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "User name and password do not go together. Both tell capitals apart.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        AuthenticationForm.confirm_login_allowed(self, user)
