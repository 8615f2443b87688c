from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        # Imported for their registrations: the governed actions of this app, and what belongs to what.
        from incidents import about, services  # noqa: F401
