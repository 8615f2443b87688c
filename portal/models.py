from django.db import models


class SystemHealth(models.Model):  # noqa: DJ008 - there is never a row
    """No table: it carries the permissions of the system-health page."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("view_systemhealth", "Can see the health of the system"),
            ("close_breaker", "Can close a circuit breaker by force"),
            ("fail_over_database", "Can make the replica the database"),
        ]
