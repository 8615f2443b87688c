from django.urls import URLPattern, URLResolver, path

from audit.ledger import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("checkpoint", views.CheckpointView.as_view(), name="ledger-checkpoint"),
    path("tile/<path:path>", views.TileView.as_view(), name="ledger-tile"),
]
