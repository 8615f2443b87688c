from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from portal.failures import nothing_here

handler400 = "portal.failures.bad_request"
handler403 = "portal.failures.permission_denied"
handler404 = "portal.failures.not_found"
handler500 = "portal.failures.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("portal.health_urls")),
    path("", include("portal.status.urls")),
    path("api/", include("portal.schema")),
    path("", include("portal.system.urls")),
    path("", include("audit.urls")),
    path("", include("incidents.urls")),
    re_path("^(?:api|v1|v2|health|ledger)/", nothing_here),
    path("", admin.site.urls),
]
