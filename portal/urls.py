from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

handler400 = "portal.failures.bad_request"
handler403 = "portal.failures.permission_denied"
handler404 = "portal.failures.not_found"
handler500 = "portal.failures.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("portal.health_urls")),
    path("", include("audit.urls")),
    path("", include("incidents.urls")),
    path("", admin.site.urls),
]
