from django.urls import URLPattern, URLResolver, path

from portal.status.pages import as_atom, as_json, page

urlpatterns: list[URLPattern | URLResolver] = [
    path("status/", page, name="status"),
    path("status.json", as_json, name="status-json"),
    path("status.atom", as_atom, name="status-atom"),
]
