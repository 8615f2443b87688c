from django.urls import URLPattern, URLResolver, path

from audit.pages import account, events

app_name = "audit"

urlpatterns: list[URLPattern | URLResolver] = [
    path("audit/", events.event_list, name="event-list"),
    path("audit/events/<int:number>/", events.event_detail, name="event-detail"),
    path("audit/events/<int:number>/entry.json", events.event_entry, name="event-entry"),
    path("audit/events/<int:number>/changes.json", events.event_changes, name="event-changes"),
    path("account/", account.account, name="account"),
]
