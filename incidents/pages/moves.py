"""Dialogs that move an incident: steps, severity, roles, clocks."""

from typing import Any

from django.forms import Form

from incidents.clock_rules import BY_KIND
from incidents.impact import QUESTIONS
from incidents.models import IncidentRole
from incidents.models.clock import ClockKind
from incidents.pages.base import IncidentAct
from incidents.pages.forms import AssignForm, EmptyForm, MoveForm, PauseForm, SeverityForm
from incidents.pages.stepper import conditions_to_close
from incidents.procedure import NAMES, State, current_step, find
from incidents.selectors import war_room as read
from incidents.selectors.checklists import still_open
from incidents.services.clocks import clock_pause, clock_resume
from incidents.services.incidents import (
    incident_assign,
    incident_change_severity,
    incident_transition,
)
from incidents.severity import DEFINITIONS, Severity
from portal.lib.errors import NotFound

MOST_PEOPLE = 500


class Move(IncidentAct):
    form_class = MoveForm

    def prepare(self) -> None:
        super().prepare()
        name = self.kwargs["name"]
        if name not in NAMES:
            raise NotFound
        self.name = name
        self.transition = find(name, self.incident.state, self.incident.severity)

    def form(self, data: Any = None) -> Form:
        form = super().form(data)
        if self.transition:
            field = form.fields["reason"]
            field.label = self.transition.asks
            if not self.transition.is_reason_required:
                field.widget.attrs.pop("required")
                field.help_text = "Optional."
        return form

    def describe(self) -> dict[str, Any]:
        transition = self.transition
        label = transition.label if transition else self.name.replace("-", " ").capitalize()
        return {
            **super().describe(),
            "heading": label,
            "submit_label": label,
            "leads_to": transition.target.label if transition else "",
            "is_grave": self.name in {"dismiss", "close"},
            "left_open": self._left_open(),
            "insists": self.name == "document",
            "unmet": self._unmet() if self.name == "close" else [],
        }

    def _unmet(self) -> list[str]:
        conditions = conditions_to_close(self.incident, read.postmortem(self.incident))
        return [condition.text for condition in conditions if not condition.is_met]

    def _left_open(self) -> list[str]:
        """What the step asks for that has no answer, where this leads out of the step."""
        moves = self.transition
        if moves is None or moves.target == State.FALSE_POSITIVE:
            return []
        step = current_step(moves.source)
        if step == current_step(moves.target):
            return []
        return [item.text for item in still_open(self.incident, step) if item.is_required]

    def act(self, data: dict[str, Any]) -> str:
        incident_transition(
            incident=self.incident,
            name=self.name,
            by=self.by,
            version=data["version"],
            reason=data["reason"],
        )
        return self.place()


class ChangeSeverity(IncidentAct):
    form_class = SeverityForm
    form_template = "incidents/dialogs/severity.html"
    title = "Change severity"

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "definitions": DEFINITIONS.values(),
            "questions": QUESTIONS,
            "current": self.incident.severity,
        }

    def act(self, data: dict[str, Any]) -> str:
        incident_change_severity(
            incident=self.incident,
            by=self.by,
            severity=Severity(data["severity"]),
            reason=data["reason"],
            version=data["version"],
        )
        return self.place()


class Assign(IncidentAct):
    form_template = "incidents/dialogs/assign.html"
    title = "Assign a role"

    def form(self, data: Any = None) -> Form:
        people = read.responders(self.incident, limit=MOST_PEOPLE)
        return AssignForm(data, people=people, initial={"role": self.request.GET.get("role")})

    def act(self, data: dict[str, Any]) -> str:
        role = IncidentRole.Role(data["role"])
        incident_assign(incident=self.incident, by=self.by, role=role, user=data["user"])
        return self.place()


class TakeCommand(IncidentAct):
    form_class = EmptyForm
    form_template = "incidents/dialogs/press.html"
    title = "Take command"

    def describe(self) -> dict[str, Any]:
        question = f"You become the commander of {self.incident.number}."
        return {**super().describe(), "question": question, "submit_label": self.title}

    def act(self, _data: dict[str, Any]) -> str:
        commander = IncidentRole.Role.COMMANDER
        incident_assign(incident=self.incident, by=self.by, role=commander, user=self.user)
        return self.place()


class ClockAct(IncidentAct):
    def prepare(self) -> None:
        super().prepare()
        kind = self.kwargs["kind"]
        if kind not in ClockKind.values:
            raise NotFound
        self.kind = ClockKind(kind)


class PauseClock(ClockAct):
    form_class = PauseForm

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "heading": f"Pause the {self.kind.label.lower()} clock",
            "submit_label": "Pause",
            "explanation": f"{BY_KIND[self.kind].promise}. What is left is kept until it resumes.",
        }

    def act(self, data: dict[str, Any]) -> str:
        clock_pause(incident=self.incident, by=self.by, kind=self.kind, reason=data["reason"])
        return self.place()


class ResumeClock(ClockAct):
    form_class = EmptyForm
    form_template = "incidents/dialogs/press.html"

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "heading": f"Resume the {self.kind.label.lower()} clock",
            "submit_label": "Resume",
            "question": "It runs on with what was left when it was paused.",
        }

    def act(self, _data: dict[str, Any]) -> str:
        clock_resume(incident=self.incident, by=self.by, kind=self.kind)
        return self.place()
