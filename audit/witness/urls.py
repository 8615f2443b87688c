from django.urls import URLPattern, URLResolver, path

from audit.witness import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.about, name="witness"),
    path("add-checkpoint", views.add_checkpoint, name="witness-add-checkpoint"),
]
