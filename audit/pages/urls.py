from django.urls import URLPattern, URLResolver, path

from audit.pages import account, approvals, erasure, events, governance, policies

app_name = "audit"

urlpatterns: list[URLPattern | URLResolver] = [
    path("audit/", events.event_list, name="event-list"),
    path("audit/events/<int:number>/", events.event_detail, name="event-detail"),
    path("audit/events/<int:number>/entry.json", events.event_entry, name="event-entry"),
    path("audit/events/<int:number>/changes.json", events.event_changes, name="event-changes"),
    path("approvals/", approvals.approval_list, name="approval-list"),
    path("approvals/<uuid:pk>/", approvals.approval_detail, name="approval-detail"),
    path("governance/", governance.governance, name="governance"),
    path("governance/policies/", policies.policy_list, name="policy-list"),
    path("governance/policies/new/", policies.policy_new, name="policy-new"),
    path("governance/policies/<int:version>/", policies.policy_detail, name="policy-detail"),
    path("people/<int:pk>/erase/", erasure.erase, name="person-erase"),
    path("people/erasures/<int:number>/", erasure.erasure_detail, name="erasure-detail"),
    path(
        "people/erasures/<int:number>/certificate.json",
        erasure.erasure_certificate,
        name="erasure-certificate",
    ),
    path("account/", account.account, name="account"),
]
