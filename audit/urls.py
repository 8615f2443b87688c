"""The record: pages under `/audit/`, API under `/api/v1/audit/`, the log itself under `/ledger/`."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/audit/", include("audit.api.urls")),
    path("ledger/", include("audit.ledger.urls")),
    path("", include("audit.pages.urls")),
]
