"""The first page: what is open and how long there is, and what detectors sent last."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from audit.models import User
from incidents import actions
from incidents.pages.base import Page, may
from incidents.selectors.lists import ReceiptFilter, last_ended, open_by_severity, receipt_list
from incidents.selectors.war_room import digest

ROWS_A_SEVERITY = 20
NEWEST_RECEIPTS = 10


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's `DASHBOARD_CALLBACK`."""
    if isinstance(request.user, User):
        context |= _shown(request.user) | {"is_fullwidth": "1", "title": "Dashboard"}
    return context


class DashboardLive(Page):
    def get(self, _request: HttpRequest) -> HttpResponse:
        shown = _shown(self.user)
        etag = _etag(shown)
        return self.unchanged(etag) or self.fragment(
            "incidents/dashboard_live.html", shown, etag=etag
        )


def _shown(user: User) -> dict[str, Any]:
    groups = open_by_severity(user, limit=ROWS_A_SEVERITY)
    total = sum(group.total for group in groups)
    return {
        "groups": groups,
        "open_total": total,
        "breached_total": sum(group.breached for group in groups),
        "receipts": receipt_list(user, ReceiptFilter(), limit=NEWEST_RECEIPTS).rows,
        "last_ended": None if total else last_ended(user),
        "may_see": user.has_perm("incidents.view_incident"),
        "may_see_receipts": user.has_perm("incidents.view_alertreceipt"),
        "may_report": may(user, actions.OPEN),
        "now": timezone.now(),
    }


def _etag(shown: dict[str, Any]) -> str:
    """Of everything that is shown, but for what only tells the time."""
    return digest(
        (
            [
                (
                    group.total,
                    group.breached,
                    [
                        (
                            row.incident.pk,
                            row.incident.version,
                            row.incident.next_target_at,
                            row.commander,
                        )
                        for row in group.rows
                    ],
                )
                for group in shown["groups"]
            ],
            [(receipt.pk, receipt.fate) for receipt in shown["receipts"]],
            shown["last_ended"],
            timezone.localdate(),
        )
    )
