from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite

from audit.pages.sign_in import SignIn, SignInForm


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

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's own, with a second page where the account has a second factor."""
        if request.method == "GET" and request.user.is_active:
            return redirect("admin:index")
        context = {
            **self.each_context(request),
            "title": "Sign in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        request.current_app = self.name
        view = SignIn.as_view(
            extra_context=context,
            authentication_form=self.login_form,
            template_name=self.login_template or "admin/login.html",
        )
        return cast("HttpResponse", view(request))

    def password_change(
        self, _request: HttpRequest, _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own saves past the gate."""
        return redirect("audit:account")
