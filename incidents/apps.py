from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        # Imported for their registrations: the governed actions of this app, what belongs to what, and
        # who sees what.
        from incidents import about, services  # noqa: F401
        from incidents.selectors import visibility  # noqa: F401
