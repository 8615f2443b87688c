from django.urls import URLPattern, URLResolver, path

from audit.api import views

app_name = "audit-api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", views.EventListView.as_view(), name="event-list"),
    path("events/<int:pk>/", views.EventView.as_view(), name="event-detail"),
]
