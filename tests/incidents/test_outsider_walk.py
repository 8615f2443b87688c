"""Who was not let in to a restricted incident finds no trace of it: at no address of the portal, by no
method, in no list, count, feed, export or error."""

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from audit.accounts import user_create
from audit.models import User
from incidents.models import Incident
from portal.limits.rates import Rates
from portal.status import snapshot
from tests.incidents.api.calling import issued
from tests.incidents.pages.conftest import signed_in
from tests.incidents.walk_addresses import EXCEPTIONS, Address, addresses, routes
from tests.incidents.walk_rows import Rows, hidden, nothing, rows_of, worked
from tests.incidents.walking import Walker
from tests.people import TESTS, Cast

WORD, OTHER, ORDINARY = "zanzibar", "qwertzui", "ordinary"
# Each finds nothing, wherever it looks.
OUTSIDERS = (
    *("responder", "approver", "operator", "auditor", "outsider", "anonymous"),
    *("detector", "reader", "responder-token"),
)
# "The audit viewer shows the whole record to those who may read it, events of restricted incidents
# too" (docs/governance.md). Nobody else is let off, and these are let off nowhere else.
THE_RECORD = ("audit/events/", "audit/export/", "api/v1/audit/events/", "api/v1/audit/export/")
# And a detector reads what became of what it sent itself; of which incident that is, nothing.
RECEIPTS = "api/v1/receipts/<uuid:public_id>/"
THE_LIST = "audit/"
BY_RIGHT: dict[str, tuple[str, ...]] = {"auditor": THE_RECORD, "detector": (RECEIPTS,)}

# Where whoever was let in reads of it: what the walk of the others has to come by.
_ONE, _API = "incidents/<number:number>/", "api/v1/incidents/<incident:number>/"
MET = {
    *("incidents/incident/", "incidents/live/", "incidents/actions/", "incidents/postmortems/"),
    *("incidents/alertreceipt/", "incidents/receipts/<uuid:public_id>/"),
    *("incidents/notification/", "incidents/notifications/<uuid:public_id>/"),
    *("approvals/", "approvals/<uuid:pk>/"),
    *(_ONE + part for part in ("", "live/", "timeline/", "alerts/", "similar/", "let-in/")),
    *(_ONE + part for part in ("postmortem/", "postmortem/live/")),
    "incidents/<number:number>/postmortem.md",
    *("api/v1/incidents/", "api/v1/notifications/", "api/v1/action-items/"),
    *("api/v1/receipts/<uuid:public_id>/", "api/v1/notifications/<uuid:public_id>/"),
    *("api/v1/audit/approvals/", "api/v1/audit/approvals/<uuid:pk>/"),
    *(_API + part for part in ("", "timeline/", "updates/", "alerts/", "clocks/", "postmortem/")),
    *(_API + part for part in ("postmortem/items/<int:pk>/", "ledger/")),
}


@pytest.fixture(autouse=True)
def _long_walk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a snapshot of its own, and nobody held up for asking too much."""
    monkeypatch.setattr(Rates, "wait", lambda *_of_whom: 0)
    monkeypatch.setattr(snapshot, "path", lambda: tmp_path / "status.json")


def walker(cast: Cast, name: str) -> Walker:
    scopes = ("incidents:read", "incidents:write", "audit:read", "admin")
    others = {
        "commander": str(cast.commander.pk),
        "source": str(cast.source.pk),
        "incident_type": str(ContentType.objects.get_for_model(Incident).pk),
    }
    secrets: dict[str, Callable[[], str]] = {
        "detector": lambda: cast.secret,
        "reader": lambda: issued("incidents:read"),
        "responder-token": lambda: issued(*scopes, user=cast.responder),
    }
    if name in secrets:
        return Walker(name, Client(), {"Authorization": f"Bearer {secrets[name]()}"}, others)
    if name == "anonymous":
        return Walker(name, Client(), others=others)
    if name == "operator":
        operator = User(username="operator")
        user_create(user=operator, password="correct horse", roles=["Operator"], by=TESTS)
        return Walker(name, signed_in(User.objects.get(username="operator")), others=others)
    return Walker(name, signed_in(getattr(cast, name)), others=others)


def walked(who: Walker) -> Iterator[Address]:
    by_right = BY_RIGHT.get(who.name, ())
    return (
        each
        for each in addresses()
        if not each.route.startswith(by_right)
        and not (who.name == "auditor" and each.route == THE_LIST)
    )


def test_every_address_is_walked_or_excepted_with_a_reason() -> None:
    walked_routes = {address.route for address in addresses()}
    assert walked_routes | set(EXCEPTIONS) == set(routes())
    assert not walked_routes & set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("name", OUTSIDERS)
def test_an_outsider_finds_no_trace(cast: Cast, name: str) -> None:
    ordinary = rows_of(worked(cast, ORDINARY), ORDINARY)
    who = walker(cast, name)
    before = seen(who, ordinary)
    rows = rows_of(hidden(cast, WORD), WORD)
    after = seen(who, ordinary)
    # What walks by itself, and whatever is asked for in words that are the incident's own.
    problems = [
        f"{where}: {difference(before[where], after[where])}"
        for where in before
        if before[where] != after[where]
    ]
    problems += [f"{where} tells of it" for where, text in after.items() if tells(text, rows)]
    for address in walked(who):
        for here, there in pairs(address, rows, ordinary):
            for method in methods(address):
                found, never = (
                    who.compared(address, here, method),
                    who.compared(address, there, method),
                )
                if found != never:
                    where = address.of(here, who.others)
                    problems.append(f"{method} {where}: {difference(never, found)}")
    assert not problems, "\n".join(problems)


def seen(who: Walker, ordinary: Rows) -> dict[str, str]:
    """All that somebody finds who knows of the ordinary incident only."""
    snapshot.take()
    return {
        f"{address.route} as {address.of(ordinary, who.others)}": who.ask(address, ordinary).plain()
        for address in walked(who)
    }


def pairs(address: Address, rows: Rows, ordinary: Rows) -> Iterator[tuple[Rows, Rows]]:
    """What is hidden, and in its place what never was: both have to be answered alike."""
    if address.names:
        yield rows, nothing(OTHER)
    if address.is_of_parts:
        yield rows.within(ordinary), nothing(OTHER).within(ordinary)


def methods(address: Address) -> tuple[str, ...]:
    if "?" in address.template:
        return ("GET",)
    return (
        ("GET", "POST", "PUT", "PATCH", "DELETE")
        if address.route.startswith("api/")
        else ("GET", "POST")
    )


def tells(text: str, rows: Rows) -> bool:
    return any(trace.lower() in text.lower() for trace in (rows.word, rows.number))


def difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "", "", "", "", 0, "")
    return "\n    ".join(["", *(line[:300] for line in list(lines)[2:14])])


def test_who_is_let_in_meets_it_on_this_walk(cast: Cast) -> None:
    ordinary = rows_of(worked(cast, ORDINARY), ORDINARY)
    rows = rows_of(hidden(cast, WORD), WORD)
    who = walker(cast, "commander")
    found = {
        address.route
        for address in addresses()
        if tells(who.ask(address, rows).body, rows)
        or (address.names and tells(who.ask(address, ordinary).body, rows))
    }
    assert not MET - found


def test_an_auditor_reads_of_it_in_the_record_alone(cast: Cast) -> None:
    rows = rows_of(hidden(cast, WORD), WORD)
    who = walker(cast, "auditor")
    found = {a.route for a in addresses() if tells(who.ask(a, rows).body, rows) and not a.names}
    assert THE_LIST in found
    assert all(route.startswith(THE_RECORD) for route in found - {THE_LIST})


def test_a_detector_reads_of_its_own_receipt_but_not_of_the_incident(cast: Cast) -> None:
    rows = rows_of(hidden(cast, WORD), WORD)
    (address,) = (each for each in addresses() if each.route == RECEIPTS)
    said = walker(cast, "detector").ask(address, rows)
    assert said.status == 200
    assert '"incident":null' in said.body
    assert rows.number not in said.all
