"""Incidents and receipts in the admin site: lists of their own, and nothing to edit.

What changes an incident is a governed service, asked for from its war room.
"""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from incidents import (  # noqa: F401 - for what they register
    channels_admin,
    checklist_admin,
    config_admin,
    teams_admin,
)
from incidents.models import AlertReceipt, Incident, Notification
from incidents.pages.listing import IncidentList
from incidents.pages.notifications import NotificationList
from incidents.pages.receipts import ReceiptList
from incidents.selectors.notifications import notifications_visible_to
from incidents.selectors.visibility import receipts_visible_to

if TYPE_CHECKING:
    from audit.models import User


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # no stubs
    """Only a list, and a page for each row; no other address of the admin exists."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<int:object_id>/change/", wrap(self.change_view), name=f"{name}_change"),
        ]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    def changelist_view(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return IncidentList.as_view()(request)

    def change_view(
        self, _request: HttpRequest, object_id: int, **_kwargs: Any
    ) -> HttpResponseBase:
        """Wherever the admin links to a row, the war room is meant."""
        return redirect("incidents:incident-detail", object_id)


@admin.register(AlertReceipt)
class AlertReceiptAdmin(ReadOnlyAdmin):
    def changelist_view(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return ReceiptList.as_view()(request)

    def change_view(self, request: HttpRequest, object_id: int, **_kwargs: Any) -> HttpResponseBase:
        seen = receipts_visible_to(cast("User", request.user))
        receipt = get_object_or_404(seen, pk=object_id)
        return redirect(reverse("incidents:receipt-detail", args=[receipt.public_id]))


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    def changelist_view(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return NotificationList.as_view()(request)

    def change_view(self, request: HttpRequest, object_id: int, **_kwargs: Any) -> HttpResponseBase:
        seen = notifications_visible_to(cast("User", request.user))
        notification = get_object_or_404(seen, pk=object_id)
        return redirect(reverse("incidents:notification", args=[notification.public_id]))
