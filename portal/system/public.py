"""The page of the system's health that needs no database, at `/health/system`.

Sessions are in the database, so without it nobody can be told apart. This page is therefore for
anybody, and says no more than `/health/ready` and `/metrics` do: which part fails, since when, and
what the runbook says, which is public. It leaves out every detail, which may name hosts, paths and
people, and whether anybody can be paged. `manage.py system` tells all of it to who has the machine.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from portal.health import only_read
from portal.system.capabilities import Level
from portal.system.health import health, judged
from portal.watchdog import State

WITHHELD = {"emergency-key", "emergency-pagerduty"}


@csrf_exempt
def public(request: HttpRequest) -> HttpResponse:
    only_read(request)
    told = [each for each in health(None).findings if each.name not in WITHHELD]
    left = [
        each
        for each in judged(told)
        # Without what is withheld nothing true could be said of it.
        if not WITHHELD & set(each.capability.needs)
    ]
    context = {
        "judged": left,
        "is_full": all(each.level is Level.FULL for each in left),
        "findings": told,
        "failing": State.FAILING,
    }
    response = render(request, "system/public.html", context)
    response["Cache-Control"] = "no-store"
    response["Refresh"] = "10"
    return response
