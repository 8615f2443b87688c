from django.urls import URLPattern, URLResolver, path

from audit.pages import (
    account,
    approvals,
    erasure,
    event_detail,
    events,
    exports,
    governance,
    outages,
    policies,
    second_factor,
    sign_in,
    views,
)

app_name = "audit"

urlpatterns: list[URLPattern | URLResolver] = [
    path("audit/", events.event_list, name="event-list"),
    path("audit/events/<int:number>/", event_detail.event_detail, name="event-detail"),
    path("audit/events/<int:number>/entry.json", event_detail.event_entry, name="event-entry"),
    path(
        "audit/events/<int:number>/changes.json", event_detail.event_changes, name="event-changes"
    ),
    path("audit/export/", exports.event_export, name="event-export"),
    path("audit/views/", views.view_list, name="view-list"),
    path("audit/views/new/", views.view_new, name="view-new"),
    path("audit/views/<int:pk>/", views.view_edit, name="view-edit"),
    path("audit/views/<int:pk>/delete/", views.view_remove, name="view-delete"),
    path("approvals/", approvals.approval_list, name="approval-list"),
    path("approvals/<uuid:pk>/", approvals.approval_detail, name="approval-detail"),
    path("governance/", governance.governance, name="governance"),
    path("governance/outages/", outages.outages, name="outages"),
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
    path("account/second-factor/", second_factor.second_factor, name="second-factor"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
]
