from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

app_name = "audit"


def todo(request: HttpRequest, pk: str) -> HttpResponse:
    return HttpResponse(pk)


urlpatterns: list[URLPattern | URLResolver] = [
    path("approvals/<uuid:pk>/", todo, name="approval-detail")
]
