"""Times in which nothing could be recorded: what is known of each, and its review."""

from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.authentication import principal_of
from audit.models import Outage
from audit.outages import outage_review, outages_unreviewed
from audit.pages.access import page
from audit.subjects import People
from portal.lib.errors import NotFound, ValidationFailed, VigilError

VIEW, REVIEW = "audit.view_outage", "audit.review_outage"
PAGE = 20


class ReviewForm(forms.Form):
    review = forms.CharField(
        label="What was found, and what follows from it",
        required=False,
        max_length=10_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


def unreviewed_badge(_request: HttpRequest) -> str:
    return str(outages_unreviewed() or "")


@require_http_methods(["GET", "HEAD", "POST"])
@page(VIEW)
def outages(request: HttpRequest) -> HttpResponse:
    wrong = ReviewForm(request.POST or None)
    failure: VigilError | None = None
    if request.method == "POST" and wrong.is_valid():
        try:
            outage = _outage(request.POST.get("outage", ""))
            outage_review(
                outage=outage, by=principal_of(request), review=wrong.cleaned_data["review"]
            )
        except ValidationFailed as error:
            failure = error
            for problem in error.errors:
                wrong.add_error("review", problem.message)
        except VigilError as error:
            failure = error
            wrong.add_error(None, error.message)
        else:
            messages.success(request, "The review is on record.")
            return HttpResponseRedirect(reverse("audit:outages"))
    rows, older = _page(request.GET.get("before", ""))
    may_review = request.user.has_perm(REVIEW)
    context = {
        **admin.site.each_context(request),
        "title": "Outages of the record",
        "unreviewed": outages_unreviewed(),
        "rows": [
            (row, _form(row, wrong, request.POST.get("outage", "")) if may_review else None)
            for row in rows
        ],
        "older": older,
        "is_later": "before" in request.GET,
    }
    status = failure.http_status if failure else 400 if wrong.errors else 200
    return TemplateResponse(request, "audit/outages.html", context, status=status)


def _page(before: str) -> tuple[list[Outage], UUID | None]:
    found = Outage.objects.select_related("reviewed_by").order_by("-ended_at", "-id")
    if before:
        last = _outage(before)
        found = found.filter(ended_at__lte=last.ended_at).exclude(
            ended_at=last.ended_at, pk__gte=last.pk
        )
    rows = list(found[: PAGE + 1])
    # The journal has people by commitment.
    people = People(str(row.explained) for row in rows)
    for row in rows:
        row.explained = [{**meant, "actor": people.text(meant["actor"])} for meant in row.explained]
    return rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None


def _outage(text: str) -> Outage:
    try:
        return Outage.objects.get(pk=UUID(text))
    except (ValueError, Outage.DoesNotExist) as error:
        raise NotFound from error


def _form(row: Outage, wrong: ReviewForm, answered: str) -> ReviewForm | None:
    if row.reviewed_at is not None:
        return None
    return wrong if str(row.pk) == answered else ReviewForm(auto_id=f"review_{row.pk}_%s")
