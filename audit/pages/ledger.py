"""The log's own page, open to everybody: only what anybody may know stands here."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from audit.ledger.keys import verifier_key
from audit.models import Checkpoint


@require_safe
def ledger_page(request: HttpRequest) -> HttpResponse:
    context = {
        "origin": settings.LEDGER_ORIGIN,
        "site": settings.ORIGIN,
        "verifier_key": verifier_key(),
        "checkpoint": Checkpoint.objects.order_by("-size").first(),
    }
    response = TemplateResponse(request, "audit/ledger.html", context)
    response["Cache-Control"] = "no-cache"
    return response
