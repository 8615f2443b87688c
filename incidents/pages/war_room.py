"""The war room: one incident, live."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.models import User
from incidents import actions
from incidents.commands import COMMANDS
from incidents.models import Alert, Incident, IncidentRole, RoleHandover, TimelineEntry
from incidents.pages.base import IncidentPage, may
from incidents.pages.clocks import clock_views
from incidents.pages.notes import note_form
from incidents.pages.stepper import conditions_to_close, moves, stepper
from incidents.pages.updates import communications
from incidents.procedure import State, current_step
from incidents.selectors import checklists
from incidents.selectors import timeline as lines
from incidents.selectors import war_room as read
from incidents.selectors.evidence import hold_of
from incidents.selectors.notifications import VIEW as VIEW_NOTIFICATIONS
from incidents.selectors.notifications import told_of
from incidents.selectors.restriction import let_in
from incidents.selectors.timeline import KINDS, Cursor, TimelineFilter

ENTRIES = 50
# More than this since the last poll, as after a night asleep, and the page starts its list anew.
MANY_NEW = 100
ALERTS = 50
MAX_DIGITS = 19
TOLD = 8
WITH_POSTMORTEM = {State.DOCUMENTING, State.POSTMORTEM, State.CLOSED}


class WarRoom(IncidentPage):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        wanted = wanted_of(request.GET)
        context = regions(self.user, self.incident)
        context |= first_entries(self.user, self.incident, wanted)
        context |= {
            "note_form": note_form(),
            "commands": COMMANDS,
            "kinds": KINDS,
            "authors": lines.authors(self.incident),
        }
        return self.page("incidents/war_room.html", context, title=self.incident.number)


class WarRoomLive(IncidentPage):
    """What a page polls. It says which entry it saw last, and gets those recorded since."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        etag = read.digest(
            (
                read.fingerprint(self.incident, newest_alerts=ALERTS),
                sorted(permitted(self.user, self.incident).items()),
                timezone.localdate(),
            )
        )
        if unchanged := self.unchanged(etag):
            return unchanged
        since, wanted = request.GET.get("since", ""), wanted_of(request.GET)
        context = regions(self.user, self.incident)
        context |= newer_entries(self.user, self.incident, _number(since), wanted)
        return self.fragment("incidents/war_room_live.html", context, etag=etag)


class OlderEntries(IncidentPage):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        before = _cursor(request.GET.get("before", ""))
        context = entries(self.user, self.incident, wanted_of(request.GET), before)
        return self.fragment(
            "incidents/timeline_older.html", {"incident": self.incident, **context}
        )


class OlderAlerts(IncidentPage):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        before = request.GET.get("before", "")
        context = _alerts(self.incident, _number(before) if before.isdecimal() else None)
        return self.fragment("incidents/alerts_older.html", {"incident": self.incident, **context})


def permitted(user: User, incident: Incident) -> dict[str, bool]:
    return {
        "respond": may(user, actions.ANNOTATE, incident),
        "publish": may(user, actions.PUBLISH, incident),
        "command": may(user, actions.ASSIGN, incident),
        "accept": may(user, actions.ACCEPT_POSTMORTEM, incident),
        "restrict": may(user, actions.RESTRICT, incident),
        "release": may(user, actions.RELEASE, incident),
        "see_audit": user.has_perm("audit.view_event"),
        "see_told": user.has_perm(VIEW_NOTIFICATIONS),
    }


def regions(user: User, incident: Incident) -> dict[str, Any]:
    """Everything but the timeline and what people type into."""
    now = timezone.now()
    may_do = permitted(user, incident)
    possible = moves(incident)
    clocks = clock_views(incident, read.newest_legs(incident), now)
    postmortem = read.postmortem(incident)
    conditions = conditions_to_close(incident, postmortem)
    closes = possible.main is not None and possible.main.name == "close"
    return {
        "incident": incident,
        "now": now,
        "may": may_do,
        "steps": stepper(incident),
        "current": current_step(incident.state),
        "main": _if_permitted(user, incident, [possible.main] if possible.main else []),
        "onward": _if_permitted(user, incident, possible.onward),
        "others": _if_permitted(user, incident, possible.others),
        "clocks": clocks,
        "checklist": checklists.checklist(incident, current_step(incident.state)),
        "containment": checklists.containment(incident),
        "roles": _roles(incident),
        "let_in": let_in(incident),
        "evidence": hold_of(incident),
        **communications(incident, clocks),
        "postmortem": postmortem,
        "shows_postmortem": postmortem is not None or incident.state in WITH_POSTMORTEM,
        "conditions": conditions,
        # What leads on is then the postmortem, not the button that would be refused.
        "is_blocked": closes and not all(condition.is_met for condition in conditions),
        "is_own_postmortem": postmortem is not None and postmortem.author_id == user.pk,
        "counts": read.alert_counts(incident),
        "told": told_of(incident, limit=TOLD),
        "pins": lines.pinned(incident),
        **_alerts(incident),
    }


def _if_permitted(user: User, incident: Incident, transitions: list[Any]) -> list[Any]:
    return [t for t in transitions if may(user, actions.MOVES[t.name], incident)]


def _roles(
    incident: Incident,
) -> list[tuple[IncidentRole.Role, IncidentRole | None, RoleHandover | None]]:
    held, offers = read.roles(incident), checklists.offers(incident)
    return [(role, held.get(role), offers.get(role)) for role in IncidentRole.Role]


def _alerts(incident: Incident, before: int | None = None) -> dict[str, Any]:
    found = read.alerts(incident, before=before, limit=ALERTS)
    return {
        "alerts": found.rows,
        "more_alerts": found.rows[-1].pk if found.has_more else None,
        "firing": Alert.Status.FIRING,
    }


def wanted_of(query: QueryDict) -> TimelineFilter:
    """What is no filter narrows nothing."""
    kind, text = query.get("kind", ""), query.get("q", "")[: lines.MAX_TEXT]
    return TimelineFilter(
        kind=kind if kind in KINDS else "",
        author=query.get("author", "")[: lines.MAX_TEXT].replace("\0", ""),
        text=text.replace("\0", ""),
        is_pinned=query.get("pinned") == "1",
        has_files=query.get("files") == "1",
    )


def as_query(wanted: TimelineFilter) -> str:
    """The filter as it stands in an address; empty where nothing is looked for."""
    query = QueryDict(mutable=True)
    given = {"kind": wanted.kind, "author": wanted.author, "q": wanted.text}
    given |= {"pinned": "1" * wanted.is_pinned, "files": "1" * wanted.has_files}
    query.update({name: value for name, value in given.items() if value})
    return query.urlencode()


def first_entries(
    user: User, incident: Incident, wanted: TimelineFilter | None = None
) -> dict[str, Any]:
    # Asked first: what is recorded between the two comes again, rather than never.
    newest = lines.newest_entry(incident)
    return {**entries(user, incident, wanted), "newest_entry": newest}


def newer_entries(
    user: User, incident: Incident, since: int, wanted: TimelineFilter
) -> dict[str, Any]:
    newest = lines.newest_entry(incident)
    found = lines.timeline_since(incident, since, wanted, limit=MANY_NEW)
    # What is pinned is no matter of what was recorded since.
    if found.has_more or wanted.is_pinned:
        shown = entries(user, incident, wanted)
        return {**shown, "newest_entry": newest, "is_new_list": True}
    return {
        "entries": [_entry(user, entry, since) for entry in found.rows],
        "newest_entry": max(newest, since),
        "wanted": wanted,
        "wanted_query": as_query(wanted),
    }


def entries(
    user: User,
    incident: Incident,
    wanted: TimelineFilter | None = None,
    before: Cursor | None = None,
) -> dict[str, Any]:
    wanted = wanted or TimelineFilter()
    found = lines.timeline(incident, wanted, before=before, limit=ENTRIES)
    return {
        "entries": [_entry(user, entry) for entry in found.rows],
        "older": found.rows[-1] if found.has_more else None,
        "wanted": wanted,
        "wanted_query": as_query(wanted),
    }


def _entry(user: User, entry: TimelineEntry, since: int | None = None) -> dict[str, Any]:
    is_note = entry.kind == TimelineEntry.Kind.NOTE
    corrected_by = getattr(entry, "superseded_by", None)
    return {
        "entry": entry,
        "corrected_by": corrected_by,
        "can_correct": is_note and corrected_by is None and entry.author == f"user:{user.username}",
        # An older entry comes along only to be marked as corrected, where it is on the page.
        "is_known": since is not None and entry.pk <= since,
        "is_pinned": hasattr(entry, "pin"),
        "is_backdated": (entry.recorded_at - entry.occurred_at).total_seconds() > 1,
    }


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else 0


def _cursor(text: str) -> Cursor | None:
    at, _, number = text.partition("|")
    try:
        occurred_at = parse_datetime(at)
    except ValueError:
        return None
    if occurred_at is None or occurred_at.tzinfo is None or not number.isdecimal():
        return None
    return Cursor(occurred_at, int(number))
