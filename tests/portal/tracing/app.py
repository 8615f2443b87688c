"""A page and a task that do a bit of everything."""

import structlog
from celery import shared_task
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from incidents.services.waking import wake
from portal.lib.resilience import call, http
from portal.lib.trace import trace_id
from portal.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]
SECRET = "anna.secret@example.org"
URL = ""
IDS: list[str] = []
log = structlog.get_logger(__name__)


@shared_task(name="tests.page_somebody")
def page_somebody() -> None:
    list(get_user_model().objects.filter(email=SECRET))
    IDS.append(trace_id())
    log.warning("paging")
    call("pagerduty", lambda timeout: http.request("POST", URL, timeout=timeout, body=b"{}"))


def look(_request: HttpRequest, name: str) -> HttpResponse:
    list(get_user_model().objects.filter(email=f"{name}@example.org")[:3])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{SECRET}', 4711")
    wake("tests.page_somebody")
    return HttpResponse("ok")


def fail(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{SECRET}'::int")
    return HttpResponse()


urlpatterns = [path("look/<str:name>/", look), path("fail/", fail)]
