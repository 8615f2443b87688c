from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        # Imported for their registrations: system checks and signal receivers.
        from audit import (  # noqa: F401
            accounts,
            checks,
            history,
            latches,
            outages,
            policies,
            saved_views,
            sessions,
        )
        from audit.approvals import asking, services  # noqa: F401
