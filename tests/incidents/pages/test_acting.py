"""Every change that a page can ask for: done by who may, refused to who may not, and undone as a
whole where the gate or the ledger is broken."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse

from audit.gate.permissions import PermissionsVoter
from audit.models import Event
from incidents.procedure import State
from tests.database import as_superuser
from tests.entries import actor_of
from tests.incidents.making import in_state, opened
from tests.incidents.pages.act import SCRIPT, Act, address_of, press, ready, rows, state_is
from tests.incidents.pages.acts import ACTS, every_act
from tests.incidents.pages.conftest import SignIn, signed_in
from tests.people import Cast


@every_act
def test_its_form_opens_in_a_dialog_and_as_a_page(cast: Cast, sign_in: SignIn, act: Act) -> None:
    incident = ready(cast, act)
    client = sign_in(act.may)
    for headers in (SCRIPT, {}):
        response = client.get(address_of(act, incident), headers=headers)
        assert response.status_code == 200
        assert "<form" in response.text


@every_act
def test_it_is_done(cast: Cast, sign_in: SignIn, act: Act) -> None:
    incident = ready(cast, act)
    assert not act.is_done(incident)
    response = press(sign_in(act.may), act, incident)
    assert response.status_code == act.answers, response.text
    assert "HX-Redirect" in response or "vigil:changed" in response["HX-Trigger"]
    assert act.is_done(incident)
    assert actor_of(Event.objects.latest("id")) == f"user:{act.may}"


@every_act
def test_it_works_without_a_script_too(cast: Cast, sign_in: SignIn, act: Act) -> None:
    incident = ready(cast, act)
    client = sign_in(act.may)
    response = press(client, act, incident, script=False)
    assert response.status_code == 302
    assert act.is_done(incident)
    assert client.get(response["Location"]).status_code == 200


@every_act
def test_the_wrong_role_is_refused_with_the_reason(cast: Cast, sign_in: SignIn, act: Act) -> None:
    incident = ready(cast, act)
    before = rows()
    response = press(sign_in(act.may_not), act, incident)
    assert response.status_code == 403
    assert "Your roles do not include" in response.text
    assert response["X-Vigil-Fragment"] == "refusal"
    assert rows() == before
    denied = Event.objects.latest("id")
    assert (denied.event, actor_of(denied)) == ("governance_denied", f"user:{act.may_not}")


@every_act
def test_a_broken_gate_blocks_it(
    cast: Cast, sign_in: SignIn, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = ready(cast, act)
    client = sign_in(act.may)
    before = rows()

    def break_down(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(PermissionsVoter, "vote", break_down)
    response = press(client, act, incident)
    assert response.status_code == 403
    assert "governance system failure" in response.text
    assert "Your text is kept" in response.text
    assert rows() == before
    assert not act.is_done(incident)


@pytest.fixture
def without_ledger(committed_cast: Cast) -> Iterator[Callable[[], None]]:
    """Takes the application's right to append to the ledger away, when called."""

    def revoke() -> None:
        with as_superuser() as database:
            database.execute("REVOKE INSERT ON audit_event FROM vigil_app")

    return revoke


@every_act
def test_a_broken_ledger_blocks_it(
    committed_cast: Cast, without_ledger: Callable[[], None], act: Act
) -> None:
    incident = ready(committed_cast, act)
    client = signed_in(getattr(committed_cast, act.may))
    before = rows()
    without_ledger()
    response = press(client, act, incident)
    assert response.status_code == 503
    assert "cannot create audit trail" in response.text
    assert "Nothing was changed" in response.text
    assert "30 seconds" in response.text
    assert rows() == before
    assert not act.is_done(incident)


@pytest.mark.parametrize(
    "act",
    [act for act in ACTS if "version" in act.data and act.is_versioned],
    ids=lambda act: act.name,
)
def test_a_stale_version_is_refused(cast: Cast, sign_in: SignIn, act: Act) -> None:
    incident = ready(cast, act)
    stale = Act(**{**act.__dict__, "data": {**act.data, "version": 99}})
    before = rows()
    response = press(sign_in(act.may), stale, incident)
    assert response.status_code == 409
    assert "Nothing was changed" in response.text
    assert rows() == before


@pytest.mark.parametrize("version", ["", "x", "1.5", "9" * 400])
def test_a_version_that_is_none_is_refused_by_field(
    cast: Cast, sign_in: SignIn, version: str
) -> None:
    incident = opened(cast)
    act = Act("incident-move", "", {"reason": "x", "version": version}, args=("classify",))
    response = press(sign_in("commander"), act, incident)
    assert response.status_code in {400, 409}
    assert state_is(State.DETECTED)(incident)


def test_a_step_out_of_order_is_refused_with_those_that_follow(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    act = Act("incident-move", "", {"reason": "x", "version": 1}, args=("verify",))
    response = press(sign_in("commander"), act, incident)
    assert response.status_code == 409
    assert "Possible now: Classify, False positive" in response.text


def test_a_missing_reason_is_asked_for_by_field(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    act = Act("incident-move", "", {"reason": " ", "version": 1}, args=("classify",))
    response = press(sign_in("commander"), act, incident)
    assert response.status_code == 400
    assert 'href="#id_reason"' in response.text
    assert "Which systems and how many users are affected?" in response.text


def test_without_a_script_the_page_comes_back_with_what_was_typed(
    cast: Cast, sign_in: SignIn
) -> None:
    incident = opened(cast)
    act = Act("incident-move", "", {"reason": "All of EU", "version": 7}, args=("classify",))
    response = press(sign_in("commander"), act, incident, script=False)
    assert response.status_code == 409
    assert "has moved on" in response.text
    assert "All of EU</textarea>" in response.text


def test_a_dialog_asks_the_procedures_question(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    address = reverse("incidents:incident-move", args=[incident.pk, "classify"])
    dialog = sign_in("commander").get(address, {"version": 1}, headers=SCRIPT).text
    assert "Which systems and how many users are affected?" in dialog
    assert 'name="version" value="1"' in dialog
    assert "<html" not in dialog


def test_a_p1_says_what_keeps_it_from_closing(cast: Cast, sign_in: SignIn) -> None:
    incident, client = in_state(cast, State.POSTMORTEM), sign_in("commander")
    address = reverse("incidents:incident-move", args=[incident.pk, "close"])
    assert "It cannot close yet" in client.get(address, headers=SCRIPT).text
    response = client.post(address, {"reason": "x", "version": incident.version}, headers=SCRIPT)
    assert response.status_code == 403
    assert "closes only with an accepted postmortem" in response.text
    page = client.get(reverse("incidents:incident-detail", args=[incident.pk])).text
    assert "Write the postmortem" in page


def test_csrf_is_checked(cast: Cast) -> None:
    incident = opened(cast)
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.commander, "audit.role_backend.RoleBackend")
    address = reverse("incidents:take-command", args=[incident.pk])
    assert client.post(address, headers=SCRIPT).status_code == 403
    assert not incident.roles.exists()
