from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        # Imported for their registrations: system checks and signal receivers.
        from audit import accounts, checks, history, latches, policies, saved_views, sessions  # noqa: F401
        from audit.approvals import asking, services  # noqa: F401
