"""One thing done to several incidents. Each is a governed call of its own, with a decision and a record
of its own: what is refused of one stops none of the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F

from audit.models import User
from audit.principal import Principal
from audit.subjects import name_people
from incidents.models import Incident, IncidentRole, TimelineEntry
from incidents.procedure import OPEN
from incidents.selectors import incident_get
from incidents.selectors.visibility import incidents_visible_to
from incidents.services.entries import said
from incidents.services.incidents import incident_assign, incident_transition
from portal.lib.errors import Conflict, FieldError, NotFound, ValidationFailed, VigilError

MOST = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """An incident and its version as the person saw it; without one, the current one counts."""

    number: int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`incident` is None where there is none that they may see; `code` is that of the error, empty
    where it was done."""

    number: int
    incident: Incident | None
    message: str
    code: str = ""


def acknowledge_each(asked: Sequence[Asked], by: Principal) -> list[Outcome]:
    """In the given order, each once. Raises `ValidationFailed` for none at all, or more than `MOST`."""
    if not 1 <= len(asked) <= MOST:
        message = f"Choose between 1 and {MOST} incidents."
        raise ValidationFailed([FieldError("incidents", message)])
    return [_acknowledge(one, by) for one in {one.number: one for one in asked}.values()]


def _acknowledge(asked: Asked, by: Principal) -> Outcome:
    incident = None
    try:
        incident = incident_get(by, asked.number)
        done = incident_transition(
            incident=incident, name="acknowledge", by=by, version=asked.version
        )
    except Conflict as error:
        return Outcome(asked.number, incident, _already(asked.number) or error.message, "CONFLICT")
    except NotFound as error:
        return Outcome(asked.number, None, "There is no such incident.", error.error_code)
    except VigilError as error:
        return Outcome(asked.number, incident, error.message, error.error_code)
    return Outcome(asked.number, done, "Acknowledged.")


def _already(number: int) -> str:
    """Who was first, where somebody was."""
    entry = (
        TimelineEntry.objects.filter(
            incident=number,
            kind=TimelineEntry.Kind.TRANSITION,
            recorded_at=F("incident__acknowledged_at"),
        )
        .order_by("id")
        .first()
    )
    if entry is None:
        return ""
    name_people([entry], "author")
    return f"{entry.author.rpartition(':')[2]} has acknowledged it already."


def open_roles(user: User, seen_by: User | Principal) -> list[IncidentRole]:
    """What a person holds in open incidents that somebody may see; at most `MOST`, the gravest first."""
    held = IncidentRole.objects.filter(
        user=user,
        ended_at=None,
        incident__state__in=OPEN,
        incident__in=incidents_visible_to(seen_by),
    ).select_related("incident", "user")
    return list(held.order_by("incident__severity", "incident_id", "role")[:MOST])


def hand_over_each(user: User, to: User, by: Principal, reason: str) -> list[Outcome]:
    """All roles of `user` in open incidents that `by` may see go to `to`, at once.

    Raises `ValidationFailed` where both are one person, or no reason is given.
    """
    reason = said(reason, "reason")
    if user == to:
        message = "Choose somebody else than who hands over."
        raise ValidationFailed([FieldError("to", message)])
    return [_hand_over(role, to, by, reason) for role in open_roles(user, by)]


def _hand_over(held: IncidentRole, to: User, by: Principal, reason: str) -> Outcome:
    incident, role = held.incident, IncidentRole.Role(held.role)
    try:
        incident_assign(
            incident=incident, by=by, role=role, user=to, held_by=held.user, reason=reason
        )
    except ValidationFailed as error:
        message = " ".join(problem.message for problem in error.errors)
        return Outcome(incident.pk, incident, f"{role.label}: {message}", error.error_code)
    except VigilError as error:
        return Outcome(incident.pk, incident, f"{role.label}: {error.message}", error.error_code)
    return Outcome(incident.pk, incident, f"{role.label}: now {to}.")
