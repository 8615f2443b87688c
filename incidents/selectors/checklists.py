"""What is to be done in an incident, what was done to contain it, and which roles are offered."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Max, Q, Value, When

from audit.subjects import name_people
from incidents.checklist_lines import Line, lines, shipped
from incidents.models import (
    ChecklistItem,
    ChecklistTemplate,
    ContainmentAction,
    Incident,
    IncidentRole,
    RoleHandover,
)
from incidents.postmortem_record import Recorded
from incidents.procedure import STEPS, State, Step

MAX_ITEMS = 100
VERIFICATION = 8


def template_lines(incident: Incident, step: int) -> list[Line]:
    """Of the most particular template that fits: its service counts more than its severity. What is
    shipped where none fits."""
    fits = ChecklistTemplate.objects.filter(
        Q(service=None) | Q(service=incident.service_id),
        Q(severity="") | Q(severity=incident.severity),
        step=step,
    )
    rank = Case(
        When(service__isnull=False, severity__gt="", then=Value(3)),
        When(service__isnull=False, then=Value(2)),
        When(severity__gt="", then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    found = fits.annotate(rank=rank).order_by("-rank").first()
    return lines(found.items) if found else shipped(step)


def newest_round(incident: Incident, step: int) -> int:
    """How often the step was begun; 0 before."""
    found = incident.checklist.filter(step=step).aggregate(newest=Max("round"))["newest"]
    return found or 0


def checklist(incident: Incident, step: Step | None) -> list[ChecklistItem]:
    """That of the newest round of a step, with who did what by name."""
    if step is None:
        return []
    rows = incident.checklist.filter(step=step.number).select_related("assignee")
    found = list(rows.order_by("round", "position"))
    newest = found[-1].round if found else 0
    shown = [item for item in found if item.round == newest]
    name_people(shown, "done_by")
    return shown


def still_open(incident: Incident, step: Step | None) -> list[ChecklistItem]:
    return [item for item in checklist(incident, step) if item.state == ChecklistItem.State.OPEN]


def whole_checklist(incident: Incident) -> list[ChecklistItem]:
    """Of all steps and rounds."""
    found = list(incident.checklist.select_related("assignee"))
    name_people(found, "done_by")
    return found


def containment(incident: Incident) -> list[ContainmentAction]:
    found = list(incident.containment.all())
    name_people(found, "recorded_by", "reversed_by")
    return found


def offers(incident: Incident) -> dict[str, RoleHandover]:
    """Those that wait for an answer, by role."""
    rows = incident.handovers.filter(state=RoleHandover.State.PENDING)
    return {offer.role: offer for offer in rows.select_related("holder", "successor")}


def roles_held(incident: Incident) -> list[IncidentRole]:
    """All of them, those that were handed over as well, oldest first."""
    return list(incident.roles.select_related("user").order_by("assigned_at", "id"))


@dataclass(frozen=True, slots=True)
class Record:
    """What a postmortem is begun from, with names: for its page."""

    containment: list[ContainmentAction]
    checks: list[ChecklistItem]
    unanswered: list[ChecklistItem]
    roles: list[IncidentRole]

    def in_words(self) -> Recorded:
        counts = Counter(str(held.get_role_display()) for held in self.roles)
        return Recorded(
            contained=[_contained(done) for done in self.containment],
            verified=[_verified(item) for item in self.checks],
            unanswered=[f"{STEPS[item.step - 1].name}: {item.text}" for item in self.unanswered],
            roles=[
                f"{role}, handed over {count - 1} times" if count > 1 else role
                for role, count in counts.items()
            ],
        )


def record_of(incident: Incident) -> Record:
    """Four questions, however much there is."""
    items = whole_checklist(incident)
    step_now = {State.DOCUMENTING: 9, State.POSTMORTEM: 10}.get(State(incident.state), 11)
    return Record(
        containment=containment(incident),
        checks=[i for i in items if i.step == VERIFICATION and i.state == ChecklistItem.State.DONE],
        unanswered=[i for i in items if i.step < step_now and i.state == ChecklistItem.State.OPEN],
        roles=roles_held(incident),
    )


def _contained(done: ContainmentAction) -> str:
    reversal = f" (reversed: {done.reversal_reason})" if done.reversed_at else ""
    return f"{done.performed_at:%Y-%m-%d %H:%M} UTC {done}{reversal}"


def _verified(item: ChecklistItem) -> str:
    shows = " ".join(filter(None, [item.evidence, item.evidence_url]))
    return f"{item.text}: {shows}" if shows else item.text
