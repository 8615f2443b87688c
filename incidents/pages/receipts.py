"""Alert receipts: what detectors sent, and what became of each."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from incidents.models import AlertReceipt, Source
from incidents.models.alert import Fate
from incidents.pages.base import Page, is_fragment
from incidents.selectors import receipts_visible_to
from incidents.selectors.lists import ReceiptFilter, receipt_list
from incidents.selectors.war_room import digest
from portal.lib.errors import NotFound

ROWS = 50


class FilterForm(forms.Form):
    fate = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *Fate.choices],
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="Any",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    key = forms.CharField(
        label="Dedup key",
        required=False,
        max_length=255,
        widget=forms.TextInput(
            attrs={"class": "v-input", "type": "search", "placeholder": "Exactly"}
        ),
    )

    def wanted(self) -> ReceiptFilter:
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        source = data.get("source")
        return ReceiptFilter(
            fate=data.get("fate") or "",
            source=source.pk if source else None,
            key=data.get("key") or "",
        )


class ReceiptList(Page):
    """Newest first; the first page is live."""

    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_alertreceipt"):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.copy()
        before = asked.pop("before", [""])[-1]
        form = FilterForm(asked)
        found = receipt_list(
            self.user,
            form.wanted(),
            before=int(before) if before.isdecimal() and before.isascii() else None,
            limit=ROWS,
        )
        etag = digest([(receipt.pk, receipt.fate) for receipt in found.rows])
        if is_fragment(request) and (unchanged := self.unchanged(etag)):
            return unchanged
        context = {
            "form": form,
            "receipts": found.rows,
            "has_more": found.has_more,
            "query": asked.urlencode(),
            "is_first": not before,
            "is_narrowed": any(asked.values()),
            "oldest": found.rows[-1].pk if found.rows else None,
        }
        if is_fragment(request):
            return self.fragment("incidents/receipt_rows.html", context, etag=etag)
        return self.page("incidents/receipts.html", context, title="Alert receipts")


class ReceiptDetail(Page):
    receipt: AlertReceipt

    def prepare(self) -> None:
        super().prepare()
        public_id = self.kwargs["public_id"]
        found = (
            receipts_visible_to(self.user)
            .select_related("source", "alert__incident")
            .filter(public_id=public_id)
            .first()
        )
        if found is None:
            raise NotFound
        self.receipt = found

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        receipt = self.receipt
        alert = receipt.normalized
        context = {
            "receipt": receipt,
            "summary": alert.get("summary", ""),
            "status": alert.get("status", ""),
            "sha256": bytes(receipt.body_sha256).hex(),
            "normalized": json.dumps(alert, indent=2, ensure_ascii=False, sort_keys=True),
            "see_audit": self.user.has_perm("audit.view_event"),
        }
        return self.page("incidents/receipt.html", context, title="Alert receipt")
