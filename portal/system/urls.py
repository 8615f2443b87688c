from django.urls import URLPattern, URLResolver, path

from portal.system.pages import close, system

urlpatterns: list[URLPattern | URLResolver] = [
    path("system/", system, name="system"),
    path("system/breakers/<slug:name>/close/", close, name="breaker-close"),
]
