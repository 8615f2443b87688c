from django.db import OperationalError

from incidents.models import Incident
from portal.lib.errors import Conflict


def incident_lock(incident: Incident, *, version: int | None = None) -> Incident:
    """The incident's row, locked until the end of the transaction.

    `version` is the one that the caller saw: raises `Conflict` if the incident has moved since.
    """
    try:
        locked = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        message = f"{incident.number} is being changed by someone else. Try again in a moment."
        raise Conflict(message) from error
    if version is not None and locked.version != version:
        message = (
            f"{incident.number} has moved on: it is now {locked.get_severity_display()},"
            f" {locked.get_state_display().lower()}. Look at it again before you decide."
        )
        raise Conflict(message)
    return locked
