"""Incidents: pages under `/incidents/`, API under `/api/v1/`."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("incidents.api.urls")),
    path("", include("incidents.pages.urls")),
]
