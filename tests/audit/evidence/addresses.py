from django.urls import include, path

urlpatterns = [
    path("api/v1/audit/export/", include("audit.evidence.urls")),
    path("", include("portal.urls")),
]
