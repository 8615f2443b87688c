"""How the admin site looks and what its sidebar lists (django-unfold's settings)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _permitted(*permissions: str) -> Any:
    """Any of them will do."""

    def check(request: HttpRequest) -> bool:
        return any(request.user.has_perm(permission) for permission in permissions)

    return check


def _item(title: str, icon: str, url_name: str, *permissions: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(url_name),
        "permission": _permitted(*permissions),
    }


def _is_at(*prefixes: str) -> Any:
    def check(request: HttpRequest) -> bool:
        return request.resolver_match is not None and (
            request.resolver_match.view_name.startswith(prefixes)
        )

    return check


def _static(path: str) -> Any:
    # Looked up when a page is made: by then it is known under which name the file is served.
    return lambda _request: static(path)


UNFOLD: dict[str, Any] = {
    "STYLES": [_static("vigil/vigil.css")],
    "SCRIPTS": [
        _static(f"vigil/{name}.js")
        for name in ("time", "live", "drafts", "forms", "note", "filters", "keys", "tree", "chrome")
    ],
    "DASHBOARD_CALLBACK": "incidents.pages.dashboard.dashboard",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _static("vigil/icon.svg")},
    ],
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.314)",
            "100": "oklch(93% .034 272.788)",
            "200": "oklch(87% .065 274.039)",
            "300": "oklch(78.5% .115 274.713)",
            "400": "oklch(67.3% .182 276.935)",
            "500": "oklch(58.5% .233 277.117)",
            "600": "oklch(51.1% .262 276.966)",
            "700": "oklch(45.7% .24 277.023)",
            "800": "oklch(39.8% .195 277.366)",
            "900": "oklch(35.9% .144 278.697)",
            "950": "oklch(25.7% .09 281.288)",
        },
    },
    "SITE_TITLE": "Vigil",
    "SITE_HEADER": "Vigil",
    "SITE_SUBHEADER": "Incidents and audit",
    "SITE_SYMBOL": "shield",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {
        "navigation": [
            {"title": "My account", "link": reverse_lazy("audit:account")},
            {"title": "My contact methods", "link": reverse_lazy("incidents:contact-methods")},
        ]
    },
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
                    {
                        **_item(
                            "Notifications",
                            "campaign",
                            "admin:incidents_notification_changelist",
                            "incidents.view_notification",
                        ),
                        "badge": "incidents.pages.notifications.dead_badge",
                    },
                    {
                        **_item(
                            "Action items",
                            "task_alt",
                            "incidents:actions",
                            "incidents.view_incident",
                        ),
                        "badge": "incidents.pages.my_actions.overdue_badge",
                    },
                    _item(
                        "Postmortems",
                        "history_edu",
                        "incidents:postmortem-list",
                        "incidents.view_incident",
                    ),
                    _item("Metrics", "monitoring", "incidents:measures", "incidents.view_incident"),
                ],
            },
            {
                "title": "Record",
                "separator": True,
                "items": [
                    {
                        **_item(
                            "Audit viewer", "receipt_long", "audit:event-list", "audit.view_event"
                        ),
                        # People and tokens live under /audit/ too.
                        "active": _is_at("audit:event", "audit:view"),
                    },
                ],
            },
            {
                "title": "Governance",
                "separator": True,
                "items": [
                    {
                        **_item("The gate", "gavel", "audit:governance", "audit.view_policyset"),
                        # The policies live under /governance/ too.
                        "active": _is_at("audit:governance"),
                    },
                    {
                        **_item(
                            "Outages", "history_toggle_off", "audit:outages", "audit.view_outage"
                        ),
                        "badge": "audit.pages.outages.unreviewed_badge",
                    },
                    {
                        **_item("Policies", "policy", "audit:policy-list", "audit.view_policyset"),
                        "active": _is_at("audit:policy"),
                    },
                    {
                        **_item(
                            "Approvals",
                            "how_to_vote",
                            "audit:approval-list",
                            "audit.decide_approvalrequest",
                            "incidents.respond_incident",
                        ),
                        "badge": "audit.pages.approvals.waiting_badge",
                    },
                ],
            },
            {
                "title": "Configuration",
                "separator": True,
                "items": [
                    _item("System health", "monitor_heart", "system", "portal.view_systemhealth"),
                    _item(
                        "Severity mapping",
                        "low_priority",
                        "admin:incidents_severityrule_changelist",
                        "incidents.change_severityrule",
                    ),
                    _item(
                        "Checklists",
                        "checklist",
                        "admin:incidents_checklisttemplate_changelist",
                        "incidents.change_checklisttemplate",
                    ),
                    _item(
                        "Services",
                        "dns",
                        "admin:incidents_service_changelist",
                        "incidents.change_service",
                    ),
                    _item(
                        "Teams",
                        "groups",
                        "admin:incidents_team_changelist",
                        "incidents.change_team",
                    ),
                    _item(
                        "Channels",
                        "outgoing_mail",
                        "admin:incidents_channel_changelist",
                        "incidents.view_channel",
                    ),
                    _item(
                        "Who is told",
                        "rule",
                        "admin:incidents_notificationrule_changelist",
                        "incidents.change_notificationrule",
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
