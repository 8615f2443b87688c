from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        # Imported for their registrations: the governed actions of this app.
        from incidents import services  # noqa: F401
