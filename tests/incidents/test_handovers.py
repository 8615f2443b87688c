"""A role changes hands when both sides said so, once, whatever happens at the same time."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from incidents.models import Incident, IncidentRole, RoleHandover
from incidents.services.handovers import (
    role_accept,
    role_decline,
    role_offer,
    role_take,
    role_withdraw,
)
from incidents.services.incidents import incident_assign
from incidents.services.restriction import incident_restrict
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed, VigilError
from tests.incidents.api.calling import signed_in
from tests.incidents.making import opened
from tests.incidents.pages.conftest import signed_in as in_browser
from tests.people import Cast

SCRIBE = IncidentRole.Role.SCRIBE


def held(cast: Cast) -> Incident:
    """The commander is its scribe."""
    incident, by = opened(cast), cast.principal("commander")
    incident_assign(incident=incident, by=by, role=SCRIBE, user=cast.commander)
    return incident


def offered(cast: Cast, incident: Incident) -> RoleHandover:
    by = cast.principal("commander")
    return role_offer(incident=incident, by=by, role=SCRIBE, user=cast.responder, note="All calm")


def holder(incident: Incident) -> str:
    return incident.roles.get(role=SCRIBE, ended_at=None).user.username


def test_nothing_changes_until_the_other_accepts(cast: Cast) -> None:
    incident = held(cast)
    offer = offered(cast, incident)
    assert (holder(incident), incident.roles.count()) == ("commander", 1)
    role_accept(offer=offer, by=cast.principal("responder"))
    assert (holder(incident), incident.roles.count()) == ("responder", 2)
    assert incident.timeline.filter(kind="role", text__endswith="accepted").exists()


def test_only_the_holder_offers_and_only_the_other_answers(cast: Cast) -> None:
    incident = held(cast)
    with pytest.raises(GovernanceDenied):
        role_offer(
            incident=incident, by=cast.principal("responder"), role=SCRIBE, user=cast.approver
        )
    offer = offered(cast, incident)
    for who in ("commander", "approver"):
        with pytest.raises(GovernanceDenied):
            role_accept(offer=offer, by=cast.principal(who))
    with pytest.raises(GovernanceDenied):
        role_withdraw(offer=offer, by=cast.principal("responder"))
    assert holder(incident) == "commander"


def test_it_is_declined_for_a_reason_or_withdrawn_and_may_be_offered_again(cast: Cast) -> None:
    incident = held(cast)
    with pytest.raises(ValidationFailed):
        role_decline(offer=offered(cast, incident), by=cast.principal("responder"), reason="")
    offer = incident.handovers.get()
    with pytest.raises(Conflict, match="withdraw that first"):
        offered(cast, incident)
    role_decline(offer=offer, by=cast.principal("responder"), reason="Asleep")
    role_withdraw(offer=offered(cast, incident), by=cast.principal("commander"))
    with pytest.raises(Conflict, match="withdrawn already"):
        role_accept(offer=incident.handovers.first(), by=cast.principal("responder"))
    assert holder(incident) == "commander"


@pytest.mark.parametrize("who", ["commander", "auditor", "outsider"])
def test_it_goes_to_another_one_who_may_work_incidents(cast: Cast, who: str) -> None:
    incident, by = held(cast), cast.principal("commander")
    with pytest.raises(ValidationFailed) as refused:
        role_offer(incident=incident, by=by, role=SCRIBE, user=getattr(cast, who))
    assert refused.value.errors[0].field == "user"


def test_who_is_not_let_in_is_not_offered_it(cast: Cast) -> None:
    incident = held(cast)
    incident_restrict(incident=incident, by=cast.principal("commander"), reason="secret")
    with pytest.raises(ValidationFailed, match="let in"):
        offered(cast, incident)


def test_a_commander_takes_a_role_for_a_reason_and_the_offer_is_overtaken(cast: Cast) -> None:
    incident = held(cast)
    offer = offered(cast, incident)
    by = cast.principal("approver")
    with pytest.raises(ValidationFailed):
        role_take(incident=incident, by=by, role=SCRIBE, reason=" ")
    role_take(incident=incident, by=by, role=SCRIBE, reason="No answer")
    offer.refresh_from_db()
    assert (holder(incident), offer.state) == ("approver", "withdrawn")
    with pytest.raises(Conflict, match="already"):
        role_take(incident=incident, by=by, role=SCRIBE, reason="Again")


def test_an_answered_offer_stays_answered_in_the_database(cast: Cast) -> None:
    incident = held(cast)
    role_accept(offer=offered(cast, incident), by=cast.principal("responder"))
    with pytest.raises(IntegrityError, match="answered once"), transaction.atomic():
        incident.handovers.update(state="pending", settled_at=None)


def at_once(calls: list[Callable[[], object]]) -> list[VigilError]:
    refused: list[VigilError] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except VigilError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_of_an_acceptance_and_a_withdrawal_at_once_one_counts(committed_cast: Cast) -> None:
    cast, incident = committed_cast, held(committed_cast)
    offer = offered(cast, incident)
    refused = at_once(
        [
            lambda: role_accept(offer=offer, by=cast.principal("responder")),
            lambda: role_withdraw(offer=offer, by=cast.principal("commander")),
        ]
    )
    assert [type(error) for error in refused] == [Conflict]
    assert "already" in refused[0].message
    is_accepted = incident.handovers.get().state == "accepted"
    assert holder(incident) == ("responder" if is_accepted else "commander")


def test_of_many_acceptances_at_once_one_counts(committed_cast: Cast) -> None:
    cast, incident = committed_cast, held(committed_cast)
    offer = offered(cast, incident)
    by = cast.principal("responder")
    refused = at_once([lambda: role_accept(offer=offer, by=by)] * 4)
    assert [type(error) for error in refused] == [Conflict] * 3
    assert incident.roles.filter(role=SCRIBE).count() == 2


def test_both_sides_see_what_waits_and_their_own_buttons(cast: Cast) -> None:
    incident = held(cast)
    offered(cast, incident)
    room = reverse("incidents:incident-detail", args=[incident.pk])
    for who, shown in (("commander", {"withdraw"}), ("responder", {"accept", "decline"})):
        page = in_browser(getattr(cast, who)).get(room).text
        assert "Offered to responder by commander" in page
        buttons = {verb for verb in ("accept", "decline", "withdraw") if f'"{verb}-scribe"' in page}
        assert buttons == shown


def test_by_the_api_as_well(cast: Cast) -> None:
    incident = held(cast)
    path = f"incidents/{incident.number}/handovers/"
    mine, theirs = signed_in(cast.commander), signed_in(cast.responder)
    made = mine.post(path, {"role": "scribe", "user": "responder"})
    assert (made.status, made.body["state"]) == (201, "pending")
    one = f"{path}{made.body['id']}/"
    assert mine.post(f"{one}accept/", {}).status == 403
    assert theirs.post(f"{one}accept/", {}).body["state"] == "accepted"
    assert theirs.post(f"{one}accept/", {}).status == 409
    assert theirs.get(path).body[0]["holder"] == "commander"
    taken = mine.post(
        f"incidents/{incident.number}/take-role/", {"role": "scribe", "reason": "No answer"}
    )
    assert (taken.status, holder(incident)) == (200, "commander")
