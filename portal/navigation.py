"""How the admin site looks and what its sidebar lists (django-unfold's settings)."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy


def _permitted(permission: str) -> Any:
    def check(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)  # type: ignore[union-attr] # signed in here

    return check


def _item(title: str, icon: str, url_name: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(url_name),
        "permission": _permitted(permission),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Vigil",
    "SITE_HEADER": "Vigil",
    "SITE_SUBHEADER": "Incidents and audit",
    "SITE_SYMBOL": "shield",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {"navigation": [{"title": "My account", "link": reverse_lazy("audit:account")}]},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    _item("Dashboard", "dashboard", "admin:index", "incidents.view_incident"),
                    _item(
                        "Incidents",
                        "e911_emergency",
                        "admin:incidents_incident_changelist",
                        "incidents.view_incident",
                    ),
                    _item(
                        "Alert receipts",
                        "notifications",
                        "admin:incidents_alertreceipt_changelist",
                        "incidents.view_alertreceipt",
                    ),
                ],
            },
            {
                "title": "Record",
                "separator": True,
                "items": [
                    _item(
                        "Audit viewer",
                        "receipt_long",
                        "audit:event-list",
                        "audit.view_event",
                    ),
                ],
            },
            {
                "title": "Configuration",
                "separator": True,
                "items": [
                    _item(
                        "Severity mapping",
                        "low_priority",
                        "admin:incidents_severityrule_changelist",
                        "incidents.change_severityrule",
                    ),
                    _item(
                        "Services",
                        "dns",
                        "admin:incidents_service_changelist",
                        "incidents.change_service",
                    ),
                    _item(
                        "Sources",
                        "sensors",
                        "admin:incidents_source_changelist",
                        "incidents.change_source",
                    ),
                    _item(
                        "API tokens",
                        "key",
                        "admin:audit_apitoken_changelist",
                        "audit.view_apitoken",
                    ),
                    _item("People", "group", "admin:audit_user_changelist", "audit.view_user"),
                    _item("Roles", "badge", "admin:auth_group_changelist", "auth.view_group"),
                ],
            },
        ],
    },
}
