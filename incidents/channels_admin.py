"""Channels, as administrators set them up and test them. Imported by `incidents.admin`."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from audit.authentication import principal_of
from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm
from audit.pages.confirm import confirm_page, secret_page
from audit.row_pages import RowLink
from audit.secrecy import Typed
from incidents.models import Channel, ChannelKind
from incidents.notify.clients import CLIENTS
from incidents.notify.targets import problem_of
from incidents.selectors.channels import missing, with_secrets
from incidents.services.channels import channel_secret_draw, channel_secret_set, channel_test
from portal.lib.errors import VigilError


class ChannelForm(GovernedForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        kind = self.cleaned_data.get("kind") or self.instance.kind
        client = CLIENTS.get(kind)
        if client is None:
            return cleaned
        for name in ("url", "destination", "account"):
            given = self.cleaned_data.get(name, "")
            if given and name not in client.takes:
                self.add_error(name, f"A channel of this kind has no {name}.")
            elif not given and name in client.needs and name not in self.errors:
                self.add_error(name, "A channel of this kind needs this.")
        url = self.cleaned_data.get("url", "")
        if url and (problem := problem_of(url)):
            self.add_error("url", problem)
        self._check_destination(kind)
        return cleaned

    def _check_destination(self, kind: str) -> None:
        destination = self.cleaned_data.get("destination", "")
        if not destination or "destination" in self.errors:
            return
        checks: dict[str, forms.Field] = {
            "slack": forms.RegexField(r"^[CGD][A-Z0-9]{6,20}$"),
            "jira": forms.RegexField(r"^[A-Z][A-Z0-9_]{1,30}$"),
            "email": forms.EmailField(),
        }
        hints = {
            "slack": "A channel's id, like C012AB3CD: Slack shows it in the channel's details.",
            "jira": "A project's key, like OPS.",
            "email": "One email address.",
        }
        if kind in checks:
            try:
                checks[kind].clean(destination)
            except forms.ValidationError:
                self.add_error("destination", hints[kind])


class SecretForm(forms.Form):
    secret = forms.CharField(
        strip=True,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="It is kept encrypted, and never shown again.",
    )


@admin.register(Channel)
class ChannelAdmin(GovernedAdmin):
    form = ChannelForm
    list_display = ("name", "kind", "team", "destination", "standing")
    list_filter = ("kind",)
    list_select_related = ("team",)
    search_fields = ("name", "destination")
    list_before_template = "incidents/channels_head.html"
    fieldsets = (
        (None, {"fields": ("name", "kind", "team", "is_enabled")}),
        ("Where to", {"fields": ("url", "destination", "account")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        found: QuerySet[Channel] = super().get_queryset(request)
        return with_secrets(found)

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return ("kind",) if obj else ()

    @column("Standing", label={"ready": "success", "not in use": "info"})
    def standing(self, channel: Channel) -> str:
        if not channel.is_enabled:
            return "not in use"
        return f"needs {', '.join(missing(channel))}" if missing(channel) else "ready"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/secret/<slug:name>/", wrap(self.secret_view), name=_url("secret")),
            path("<int:pk>/draw/", wrap(self.draw_view), name=_url("draw")),
            path("<int:pk>/test/", wrap(self.test_view), name=_url("test")),
            *super().get_urls(),
        ]

    def row_links(self, request: HttpRequest, row: Any) -> list[RowLink]:
        if not request.user.has_perm("incidents.change_channel"):
            return []
        links = [
            RowLink(f"Set the {name}", _at("secret", row.pk, _slug(name)), "key")
            for name in CLIENTS[row.kind].secrets
        ]
        if row.kind == ChannelKind.WEBHOOK:
            links.append(RowLink("Draw a new secret", _at("draw", row.pk), "autorenew"))
        return [*links, RowLink("Send a test", _at("test", row.pk), "send")]

    @method_decorator(sensitive_post_parameters("secret"))
    def secret_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Who may not is refused by the gate, on record."""
        channel = self._channel(request, pk)
        known = {_slug(each): each for each in CLIENTS[channel.kind].secrets} if channel else {}
        if channel is None or name not in known:
            return self._missing(request, str(pk))
        form = SecretForm(request.POST if request.method == "POST" else None)
        failure = None
        if request.method == "POST" and form.is_valid():
            try:
                channel_secret_set(
                    channel=channel,
                    name=known[name],
                    secret=Typed(form.cleaned_data["secret"]),
                    by=principal_of(request),
                )
            except VigilError as error:
                failure = error
            else:
                self.message_user(request, f"The {known[name]} of {channel} is set.")
                return HttpResponseRedirect(_row(channel))
        help_text = CLIENTS[channel.kind].secrets[known[name]].help
        return confirm_page(
            request,
            title=f"Set the {known[name]} of {channel}",
            text=f"{help_text} {_ALONG if channel.kind == 'webhook' else ''}",
            button="Set it",
            back=_row(channel),
            form=form,
            failure=failure,
        )

    def draw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        channel = self._channel(request, pk)
        if channel is None:
            return self._missing(request, str(pk))
        failure = None
        if request.method == "POST":
            try:
                drawn = channel_secret_draw(channel=channel, by=principal_of(request))
            except VigilError as error:
                failure = error
            else:
                return secret_page(
                    request,
                    title=f"Signing secret of {channel}",
                    label="Secret",
                    secret=drawn,
                    text="The receiver checks “webhook-signature” with it, as in Standard Webhooks."
                    f" {_ALONG}",
                    back=_row(channel),
                )
        return confirm_page(
            request,
            title=f"Draw a new secret for {channel}",
            text=f"It is shown once. {_ALONG}",
            button="Draw it",
            back=_row(channel),
            failure=failure,
        )

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        channel = self._channel(request, pk)
        if channel is None:
            return self._missing(request, str(pk))
        failure = None
        if request.method == "POST":
            try:
                sent = channel_test(channel=channel, by=principal_of(request))
            except VigilError as error:
                failure = error
            else:
                return HttpResponseRedirect(
                    reverse("incidents:notification", args=[sent.public_id])
                )
        return confirm_page(
            request,
            title=f"Send a test to {channel}",
            text="A message that says that it is a test. The next page tells what came of it.",
            button="Send it",
            back=_row(channel),
            failure=failure,
        )

    def _channel(self, request: HttpRequest, pk: int) -> Channel | None:
        if request.method != "POST" and not request.user.has_perm("incidents.change_channel"):
            raise PermissionDenied
        return Channel.objects.filter(pk=pk).first()


_ALONG = "The former one, if any, signs along for a day."


def _url(name: str) -> str:
    return f"incidents_channel_{name}"


def _at(name: str, *arguments: object) -> str:
    return reverse(f"admin:{_url(name)}", args=arguments)


def _row(channel: Channel) -> str:
    return reverse("admin:incidents_channel_change", args=[channel.pk])


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
