"""The record: pages under `/audit/`, API under `/api/v1/audit/`, the log itself under `/ledger/`."""

from django.urls import URLPattern, URLResolver, include, path

from audit.ledger.views import ProofView

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/audit/events/<int:pk>/proof/", ProofView.as_view(), name="audit-event-proof"),
    path("api/v1/audit/export/", include("audit.evidence.urls")),
    path("api/v1/audit/", include("audit.api.urls")),
    path("ledger/", include("audit.ledger.urls")),
    path("witness/", include("audit.witness.urls")),
    path("", include("audit.pages.urls")),
]
