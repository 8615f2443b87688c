"""Notifications: what was sent to whom, the whole story of one, and what to do with what was lost."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from audit.models import User
from incidents import actions
from incidents.models import ChannelKind, Notification, Reason
from incidents.notify.clients import CLIENTS
from incidents.pages.base import Act, Page, is_fragment, may
from incidents.pages.forms import EmptyForm, ReasonForm
from incidents.selectors import notifications as read
from incidents.selectors.envelopes import envelope_of
from incidents.selectors.war_room import digest
from incidents.services.delivery import notification_resend, notification_set_aside
from portal.lib.errors import NotFound

ROWS = 50
COUNTED = 99


class FilterForm(forms.Form):
    state = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *Notification.State.choices, (read.FAILING, "Failing, tried again")],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    kind = forms.ChoiceField(
        label="By",
        required=False,
        choices=[("", "Any"), *ChannelKind.choices],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    reason = forms.ChoiceField(
        label="Because",
        required=False,
        choices=[("", "Any"), *Reason.choices],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    incident = forms.RegexField(
        r"^\s*(?:INC-|inc-)?[0-9]{1,18}\s*$",
        required=False,
        error_messages={"invalid": "An incident's number, like INC-1042."},
        widget=forms.TextInput(
            attrs={"class": "v-input", "type": "search", "placeholder": "INC-1042"}
        ),
    )

    def wanted(self) -> read.NotificationFilter:
        """What could not be read narrows nothing; the form says what was wrong with it."""
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        number = (data.get("incident") or "").strip().upper().removeprefix("INC-")
        return read.NotificationFilter(
            state=data.get("state") or "",
            kind=data.get("kind") or "",
            reason=data.get("reason") or "",
            incident=int(number) if number else None,
        )


class NotificationList(Page):
    """Newest first; the first page is live."""

    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm(read.VIEW):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.copy()
        before = asked.pop("before", [""])[-1]
        form = FilterForm(asked)
        found = read.notification_list(
            self.user,
            form.wanted(),
            before=int(before) if before.isdecimal() and before.isascii() else None,
            limit=ROWS,
        )
        etag = digest([(row.pk, row.state, row.rounds) for row in found.rows])
        if is_fragment(request) and (unchanged := self.unchanged(etag)):
            return unchanged
        context = {
            "form": form,
            "notifications": found.rows,
            "has_more": found.has_more,
            "query": asked.urlencode(),
            "is_first": not before,
            "is_narrowed": any(asked.values()),
            "oldest": found.rows[-1].pk if found.rows else None,
        }
        if is_fragment(request):
            return self.fragment("incidents/notification_rows.html", context, etag=etag)
        return self.page("incidents/notifications.html", context, title="Notifications")


class _OfOne(Page):
    """404 for those who may not know of it."""

    notification: Notification

    def prepare(self) -> None:
        super().prepare()
        self.notification = read.notification_get(self.user, self.kwargs["public_id"])

    def place(self) -> str:
        return reverse("incidents:notification", args=[self.notification.public_id])


class NotificationDetail(_OfOne):
    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        notification = self.notification
        envelope = envelope_of(notification, is_for_sending=False)
        payload = CLIENTS[notification.kind].payload(envelope)
        is_dead = notification.state == Notification.State.DEAD
        context = {
            "notification": notification,
            "attempts": read.attempts(notification),
            "headline": envelope.message.headline,
            "payload": json.dumps(payload, indent=2, ensure_ascii=False),
            "may_resend": is_dead and may(self.user, actions.RESEND),
            "see_audit": self.user.has_perm("audit.view_event"),
        }
        return self.page("incidents/notification.html", context, title="Notification")


class Resend(Act, _OfOne):
    form_class = EmptyForm
    form_template = "incidents/dialogs/notification_press.html"
    title = "Send it again"

    def describe(self) -> dict[str, Any]:
        to = self.notification.person or self.notification.addressee
        question = (
            f"It goes to {to} as soon as somebody gets to it, after all that was tried before."
        )
        return {"question": question, "back": self.place()}

    def act(self, _data: dict[str, Any]) -> str:
        notification_resend(notification=self.notification, by=self.by)
        return self.place()

    def done(self, place: str) -> HttpResponse:
        return self.go(place)


class SetAside(Act, _OfOne):
    form_class = ReasonForm
    form_template = "incidents/dialogs/notification_press.html"
    title = "Set it aside"

    def describe(self) -> dict[str, Any]:
        question = "It is not sent any more, and no longer counts as lost."
        return {"question": question, "back": self.place()}

    def act(self, data: dict[str, Any]) -> str:
        notification_set_aside(notification=self.notification, by=self.by, reason=data["reason"])
        return self.place()

    def done(self, place: str) -> HttpResponse:
        return self.go(place)


def dead_badge(request: HttpRequest) -> str:
    """For the sidebar: how many were given up, of those that this person may know of."""
    user = request.user
    if not isinstance(user, User) or not user.has_perm(actions.RESENDING):
        return ""
    count = read.dead_count(user, most=COUNTED + 1)
    return f"{COUNTED}+" if count > COUNTED else str(count or "")
