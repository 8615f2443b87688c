"""States of the world that no service makes yet, put there within a recorded change."""

import secrets
from collections.abc import Callable
from datetime import timedelta

from guardian.shortcuts import assign_perm

from audit.models import User
from audit.principal import client
from audit.rows import row_save
from incidents.ingest.types import NormalizedAlert
from incidents.models import Alert, Incident, Service, TimelineEntry
from incidents.models.incident import RESTRICTED
from incidents.services.alerts import alerts_receive
from incidents.tasks import drain_receipts
from tests.people import TESTS, Cast


def recorded(change: Callable[[], object]) -> None:
    """The change rides along with that of a service made for it."""
    slug = f"carrier-{secrets.token_hex(4)}"
    row_save(instance=Service(slug=slug, name=slug), related=change, by=TESTS)


def restrict(incident: Incident, *let_in: User) -> Incident:
    def change() -> None:
        incident.is_restricted = True
        incident.save(update_fields=["is_restricted"])
        for user in let_in:
            assign_perm(RESTRICTED, user, incident)

    recorded(change)
    return incident


def alert(cast: Cast, key: str = "k", **fields: object) -> Incident:
    """Fires one, and returns the incident that has it."""
    fields = {"summary": "Boom", "severity_text": "error", "service": "api"} | fields
    alerts_receive(
        source=cast.source,
        alerts=[NormalizedAlert(dedup_key=key, **fields)],  # type: ignore[arg-type] # the test's
        body_sha256=bytes(32),
        by=client(cast.token),
    )
    drain_receipts()
    return Alert.objects.filter(dedup_key=key).latest("id").incident


def many_entries(incident: Incident, number: int) -> None:
    """Notes a minute apart, the newest a minute before the incident began."""

    def change() -> None:
        TimelineEntry.objects.bulk_create(
            TimelineEntry(
                incident=incident,
                kind="note",
                occurred_at=incident.detected_at - timedelta(minutes=age),
                recorded_at=incident.detected_at,
                author="user:responder",
                text=f"Note {age}",
                event_id=1,
            )
            for age in range(1, number + 1)
        )

    recorded(change)


def many_alerts(cast: Cast, incident: Incident, number: int) -> None:
    def change() -> None:
        Alert.objects.bulk_create(
            Alert(
                source=cast.source,
                dedup_key=f"many-{number}-{index}",
                period="p",
                status="firing",
                incident=incident,
                severity=incident.severity,
                summary=f"Alert {index}",
                first_seen_at=incident.detected_at,
                last_seen_at=incident.detected_at,
            )
            for index in range(number)
        )

    recorded(change)
