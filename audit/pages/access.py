"""Who may open a page: signed in, and with the permission that it names."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(permission: str | None = None) -> Callable[[View[P]], View[P]]:
    """Visitors are sent to sign in; who lacks the permission gets a 403. Without one, any account."""

    def mark(view: View[P]) -> View[P]:
        def permitted(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if permission and not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        @functools.wraps(view)
        def entered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            response: HttpResponseBase = admin.site.admin_view(permitted)(request, *args, **kwargs)
            return response

        return entered

    return mark
