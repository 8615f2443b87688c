from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite

from audit.pages.sign_in import SignInForm


class VigilSite(UnfoldAdminSite):  # type: ignore[misc] # no stubs
    """Open to every active account; what each page shows is decided by permissions, not `is_staff`."""

    enable_nav_sidebar = True
    login_form = SignInForm

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # It deletes past the gate.
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def password_change(
        self, _request: HttpRequest, _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own saves past the gate."""
        return redirect("audit:account")
