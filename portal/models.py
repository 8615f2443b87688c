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


class Heartbeat(models.Model):
    """When a role was last heard of, by whichever of its processes works; see `portal.lib.heartbeat`."""

    ungoverned_because = "a sign of life every few seconds, of which only the newest says anything"

    role = models.CharField(max_length=32, primary_key=True)
    instance = models.CharField(max_length=300)
    beat_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.role
