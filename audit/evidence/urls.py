from django.urls import URLPattern, URLResolver, path

from audit.evidence.views import ExportView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", ExportView.as_view(), name="audit-export"),
]
