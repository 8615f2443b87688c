from django.urls import URLPattern, URLResolver, path

from portal.database.pages import banner
from portal.health import live, ready
from portal.metrics import metrics
from portal.system.public import public

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("health/system", public, name="health-system"),
    path("metrics", metrics, name="metrics"),
    path("read-only/", banner, name="read-only"),
]
