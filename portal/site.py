from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class VigilSite(UnfoldAdminSite):  # type: ignore[misc] # no stubs
    """Open to every active account; what each page shows is decided by permissions, not `is_staff`."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)
