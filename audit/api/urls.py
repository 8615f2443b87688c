from django.urls import URLPattern, URLResolver, path

from audit.api import approvals, views

app_name = "audit-api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", views.EventListView.as_view(), name="event-list"),
    path("events/<int:pk>/", views.EventView.as_view(), name="event-detail"),
    path("approvals/", approvals.ApprovalListView.as_view(), name="approval-list"),
    path("approvals/<uuid:pk>/", approvals.ApprovalView.as_view(), name="approval-detail"),
    path("approvals/<uuid:pk>/approve/", approvals.ApproveView.as_view(), name="approval-approve"),
    path("approvals/<uuid:pk>/deny/", approvals.DenyView.as_view(), name="approval-deny"),
    path(
        "approvals/<uuid:pk>/withdraw/", approvals.WithdrawView.as_view(), name="approval-withdraw"
    ),
]
