"""Every address of the portal, made from the patterns that Django resolves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from tests.incidents.walk_rows import Rows

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")

# What stands for a parameter: of the first line that fits the route and names it. `{…}` is a row of
# the incident that is walked; all else is of the installation, and is there for every walk.
VALUES: list[tuple[str, dict[str, str]]] = [
    (r"incidents/<(?:incident|number):number>/", {"number": "{number}"}),
    (r"/postmortem/whys/", {"pk": "{why}", "why": "{why}"}),
    (r"/postmortem/items/", {"pk": "{item}", "item": "{item}"}),
    (r"/timeline/", {"entry": "{entry}"}),
    (r"/files/", {"attachment": "{attachment}"}),
    (r"/checklist/", {"pk": "{check}", "item": "{check}"}),
    (r"/containment/", {"pk": "{contained}"}),
    (r"/(handovers|offers)/", {"pk": "{offer}", "offer": "{offer}"}),
    (r"^incidents/checklisttemplate/", {"object_id": "1"}),
    (r"/clocks/", {"kind": "respond"}),
    (r"/move/", {"name": "contain"}),
    (r"/postmortem/", {"section": "summary"}),
    (r"/let-in/", {"user": "{commander}"}),
    (r"^(api/v1/|incidents/)receipts/", {"public_id": "{receipt}"}),
    (r"^(api/v1/|incidents/)notifications/", {"public_id": "{notification}"}),
    (r"^(api/v1/audit/)?approvals/", {"pk": "{approval}"}),
    (r"^(api/v1/)?audit/events/", {"pk": "{event}", "number": "{event}"}),
    (r"^incidents/incident/", {"object_id": "{incident}"}),
    (r"^incidents/alertreceipt/", {"object_id": "{receipt_row}"}),
    (r"^incidents/notification/", {"object_id": "{notification_row}"}),
    (r"^r/", {"content_type_id": "{incident_type}", "object_id": "{incident}"}),
    (r"^audit/views/", {"pk": "1"}),
    (r"^governance/policies/", {"version": "1"}),
    (r"^people/", {"pk": "{commander}", "number": "1"}),
    (r"^system/breakers/", {"name": "database"}),
    (r"^ledger/tile/", {"path": "0/000"}),
    (r"^contact-methods/", {"contact": "1"}),
    (r"^incidents/channel/", {"pk": "1", "name": "key", "object_id": "1"}),
    (r"^incidents/source/", {"object_id": "{source}"}),
    (r"^incidents/(service|severityrule|team|notificationrule)/", {"object_id": "1"}),
    (r"^audit/(user|apitoken)/", {"object_id": "{commander}"}),
    (r"^auth/group/", {"object_id": "1"}),
]
# Those that are regular expressions.
SAMPLES = {
    "^(?:api|v1|v2|health|ledger)/": "api/nowhere/",
    "^(?P<app_label>incidents|audit|auth)/$": "incidents/",
    "(?P<url>.*)$": "nowhere/{number}/",
}
EXCEPTIONS = {
    "logout/": "ends the session of who walks; it shows nothing but that",
}
# What lists are asked for, besides themselves.
_WORDS = ("q={word}", "text={word}", "q={number}", "text={number}")
QUERIES: dict[str, tuple[str, ...]] = {
    "": ("show=all",),
    "search/": ("s={word}", "s={number}", "s={word}&extended_search=on"),
    "autocomplete/": (
        "term={word}&app_label=incidents&model_name=notification&field_name=incident",
        "term={word}&app_label=incidents&model_name=alert&field_name=incident",
        "term={number}&app_label=incidents&model_name=channel&field_name=team",
    ),
    "incidents/incident/": (
        *(f"{words}&state=" for words in _WORDS),
        "state=&severity=P0",
        "state=postmortem",
        "state=ended",
        "state=&range=24h",
        "state=&title__contains={word}",
        "state=&is_restricted__exact=1",
    ),
    "incidents/alertreceipt/": (
        "key={word}",
        "fate=opened",
        "source={source}",
        "alert__summary__contains={word}",
        "alert__incident__id__exact={incident}",
    ),
    "incidents/notification/": (
        "incident={number}",
        "incident={incident}",
        "incident__title__contains={word}",
        "state=sink",
        "reason=notified",
    ),
    "incidents/postmortems/": _WORDS,
    "incidents/actions/": (*_WORDS, "show=all", "show=ages", "show=mine"),
    "incidents/metrics/": ("range=365d", "range=90d&severity=P0"),
    "incidents/metrics.csv": ("range=365d", "range=90d&severity=P0"),
    "approvals/": (*_WORDS, "show=all", "show=settled", "show=waiting"),
    "audit/": (*_WORDS, "about=incidents.incident:{number}", "target=incidents.incident:{number}"),
    "audit/export/": ("format=csv", "format=ndjson", "text={word}"),
    "api/v1/audit/export/": ("format=csv", "format=ndjson", "text={word}"),
    "api/v1/audit/events/": (*_WORDS, "about=incidents.incident:{number}"),
    "api/v1/incidents/": (
        *_WORDS,
        "state=postmortem",
        "severity=P0",
        "service=api",
        "restricted=true",
        "is_restricted=true",
        "limit=1",
        "ordering=title",
    ),
    "api/v1/notifications/": (
        "incident={number}",
        "incident={incident}",
        "state=sink",
        "reason=notified",
        "limit=1",
    ),
    "api/v1/action-items/": ("owner=commander", "state=open", "limit=1"),
    "api/v1/audit/approvals/": ("limit=1", "older={approval}"),
    "login/": ("next=/incidents/{number}/",),
    "system/": ("all=1",),
}


@dataclass(frozen=True)
class Address:
    """One pattern, with what is asked of it. `names` are the rows of the incident in it."""

    route: str
    template: str

    @property
    def names(self) -> set[str]:
        return {name for name in re.findall(r"{(\w+)}", self.template) if name in ROW_NAMES}

    @property
    def is_of_parts(self) -> bool:
        return "number" in self.names and len(self.names) > 1

    def of(self, rows: Rows, others: dict[str, str]) -> str:
        return self.template.format(**vars(rows), **others)


ROW_NAMES = set(Rows.__dataclass_fields__)


def routes() -> list[str]:
    return list(_routes(get_resolver(), ""))


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        else:
            yield from _routes(each, route)


def addresses() -> list[Address]:
    """Raises `LookupError` for a parameter that nothing is known to stand for."""
    found = []
    for route in routes():
        if route in EXCEPTIONS:
            continue
        path = SAMPLES.get(route) or PARAMETER.sub(
            lambda match, r=route: _value(r, match[1]), route
        )
        found.append(Address(route, f"/{path}"))
        found += [Address(route, f"/{path}?{query}") for query in QUERIES.get(route, ())]
    return found


def _value(route: str, parameter: str) -> str:
    for pattern, values in VALUES:
        if parameter in values and re.search(pattern, route):
            return values[parameter]
    message = f"{route}: say in VALUES what stands for {parameter}, or except it with a reason."
    raise LookupError(message)
