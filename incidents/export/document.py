"""What a postmortem's file says, whatever its format: plain text, in the order of the page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from incidents.models import Incident, Postmortem
from incidents.postmortem_template import SECTIONS, Section
from incidents.selectors import postmortems as read
from incidents.selectors.postmortems import Node
from portal.templatetags.vigil import duration, who


@dataclass(frozen=True, slots=True)
class Line:
    """One of a list, `depth` steps in."""

    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    owner: str
    due_on: date
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    subtitle: str
    facts: list[tuple[str, str]]
    sections: list[tuple[str, str | list[Line]]]
    items: list[Item]
    timeline: list[tuple[str, str, str]]
    foot: str


def gather(incident: Incident, postmortem: Postmortem) -> Document:
    texts = postmortem.texts()
    whys = list(_lines(read.tree(postmortem)))
    return Document(
        title=f"Postmortem of {incident.number}",
        subtitle=incident.title,
        facts=_facts(incident, postmortem),
        sections=[
            *((section.label, _said(section, texts[section.name])) for section in SECTIONS),
            ("Whys", whys or "Nothing written."),
        ],
        items=[
            Item(
                item.text,
                item.owner.username,
                item.due_on,
                item.get_kind_display(),
                f"{item.get_state_display()}{f': {item.reason}' if item.reason else ''}",
            )
            for item in read.items(postmortem)
        ],
        timeline=[
            (instant(entry.occurred_at), who(entry.author), entry.text)
            for entry in read.whole_timeline(incident)
        ],
        foot=f"Version {postmortem.version} of {instant(postmortem.written_at)}. Times in UTC.",
    )


def _said(section: Section, value: object) -> str | list[Line]:
    if section.is_list and isinstance(value, list) and value:
        return [Line(text) for text in value]
    return str(value) if value else "Nothing written."


def _lines(nodes: list[Node], depth: int = 0) -> Iterator[Line]:
    for node in nodes:
        yield Line(node.why.text, depth)
        yield from _lines(node.below, depth + 1)


def _facts(incident: Incident, postmortem: Postmortem) -> list[tuple[str, str]]:
    figures = read.figures(incident)
    spans = (
        ("Acknowledged", figures.acknowledged_at, figures.to_acknowledge),
        ("Resolved", figures.resolved_at, figures.to_resolve),
    )
    accepted = "Not yet accepted"
    if postmortem.accepted_by and postmortem.accepted_at:
        accepted = f"{postmortem.accepted_by.username}, {instant(postmortem.accepted_at)}"
    return [
        ("Severity", incident.get_severity_display()),
        ("Service", incident.service.name if incident.service else "Not known"),
        *(
            [("Restricted", "Yes: pass it on only to those who were let in")]
            * incident.is_restricted
        ),
        ("Detected", instant(incident.detected_at)),
        *(
            (name, f"{instant(at)}, after {duration(span)}" if at and span is not None else "No")
            for name, at, span in spans
        ),
        ("Deadlines missed", f"{figures.missed} of {figures.promised}"),
        ("Status", postmortem.status),
        ("Written by", postmortem.author.username),
        ("Accepted by", accepted),
    ]


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
