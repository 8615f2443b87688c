from django.urls import URLPattern, URLResolver, path

from audit.ledger import views
from audit.pages.ledger import ledger_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", ledger_page, name="ledger-page"),
    path("checkpoint", views.CheckpointView.as_view(), name="ledger-checkpoint"),
    path("tile/<path:path>", views.TileView.as_view(), name="ledger-tile"),
]
