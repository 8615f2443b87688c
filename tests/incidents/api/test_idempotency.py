"""Writes that are safe to repeat."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from audit.models import Event
from incidents.api import moves
from incidents.models import IdempotencyKey, Incident
from incidents.tasks import forget_idempotency_keys
from tests.database import as_superuser
from tests.incidents.api.calling import Answer, Caller, issued, signed_in, with_secret
from tests.incidents.making import in_state, opened
from tests.people import Cast

NEW = {"title": "Checkout fails", "severity": "P1"}
REASON = {"reason": "because"}


@pytest.fixture
def commander(cast: Cast) -> Caller:
    return signed_in(cast.commander)


def open_one(caller: Caller, key: str, **fields: str) -> Answer:
    return caller.post("incidents/", {**NEW, **fields}, Idempotency_Key=key)


def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(
    commander: Caller,
) -> None:
    first = open_one(commander, "k")
    events = Event.objects.count()
    again = open_one(commander, "k")
    assert (again.status, again.body) == (201, first.body)
    assert (again.headers["ETag"], again.headers["Location"]) == (
        first.headers["ETag"],
        first.headers["Location"],
    )
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (Incident.objects.count(), Event.objects.count()) == (1, events)


def test_the_order_of_fields_does_not_matter(commander: Caller) -> None:
    first = commander.post("incidents/", NEW, Idempotency_Key="k")
    again = commander.post("incidents/", dict(reversed(NEW.items())), Idempotency_Key="k")
    assert again.body == first.body


def test_the_answer_stays_the_first_though_the_incident_moved_on(
    cast: Cast, commander: Caller
) -> None:
    url = f"incidents/{opened(cast).number}/"
    first = commander.post(f"{url}classify/", REASON, Idempotency_Key="k", If_Match='"1"')
    commander.post(f"{url}notify/", REASON)
    again = commander.post(f"{url}classify/", REASON, Idempotency_Key="k", If_Match='"1"')
    assert (again.status, again.body["state"]) == (200, "classified")
    assert again.body == first.body


def test_another_body_under_the_same_key_is_refused(commander: Caller) -> None:
    open_one(commander, "k")
    answer = open_one(commander, "k", severity="P0")
    assert (answer.status, answer.code) == (422, "IDEMPOTENCY_MISMATCH")
    assert Incident.objects.count() == 1


def test_another_path_under_the_same_key_is_refused(cast: Cast, commander: Caller) -> None:
    for incident in (opened(cast), opened(cast)):
        url = f"incidents/{incident.number}/classify/"
        answer = commander.post(url, REASON, Idempotency_Key="k")
    assert (answer.status, answer.code) == (422, "IDEMPOTENCY_MISMATCH")


def test_keys_are_each_callers_own(cast: Cast, commander: Caller) -> None:
    token = with_secret(issued("incidents:read", "incidents:write", user=cast.commander))
    for caller in (commander, signed_in(cast.approver), token):
        assert open_one(caller, "k").status == 201
    assert Incident.objects.count() == 3


def test_other_keys_are_other_requests(commander: Caller) -> None:
    assert open_one(commander, "a").body["number"] != open_one(commander, "b").body["number"]


def test_what_failed_is_tried_anew(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    url = f"incidents/{incident.number}/notify/"
    assert commander.post(url, REASON, Idempotency_Key="k").status == 409
    commander.post(f"incidents/{incident.number}/classify/", REASON)
    assert commander.post(url, REASON, Idempotency_Key="k").status == 200


def test_what_was_denied_is_tried_anew(cast: Cast) -> None:
    incident = opened(cast)
    url = f"incidents/{incident.number}/classify/"
    auditor = signed_in(cast.auditor)
    for _ in range(2):
        assert auditor.post(url, REASON, Idempotency_Key="k").status == 403
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve", "a\tb"])
def test_a_key_is_short_and_printable(lone_commander: Caller, key: str) -> None:
    answer = open_one(lone_commander, key)
    assert (answer.status, list(answer.fields)) == (400, ["Idempotency-Key"])
    assert not Incident.objects.exists()


def test_a_key_does_not_open_what_the_caller_may_not_see(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    url = f"incidents/{incident.number}/classify/"
    commander.post(url, REASON, Idempotency_Key="k")
    assert signed_in(cast.outsider).post(url, REASON, Idempotency_Key="k").status == 404


WRITES = {
    "classify": REASON,
    "change-severity": {"severity": "P0", "reason": "because"},
    "assign": {"role": "scribe", "user": "responder"},
    "timeline": {"text": "x"},
    "updates": {"text": "x"},
}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_every_write_takes_a_key(cast: Cast, commander: Caller, name: str) -> None:
    url = f"incidents/{opened(cast).number}/{name}/"
    first, again = (commander.post(url, WRITES[name], Idempotency_Key="k") for _ in range(2))
    assert first.status in {200, 201}
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_postmortem_takes_a_key(cast: Cast) -> None:
    url = f"incidents/{in_state(cast, 'postmortem').number}/postmortem/"
    body = dict.fromkeys(("summary", "impact", "root_cause", "five_whys", "action_items"), "Words")
    responder, approver = signed_in(cast.responder), signed_in(cast.approver)
    for _ in range(2):
        assert responder.put(url, body, Idempotency_Key="k").status == 201
        assert approver.post(f"{url}accept/", Idempotency_Key="k").status in {200, 409}
    assert responder.get(url).body["version"] == 1


# --- Between change and key


def test_no_change_without_its_key_and_no_key_without_its_change(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(committed_cast)
    caller = signed_in(committed_cast.commander)
    url = f"incidents/{incident.number}/classify/"
    with monkeypatch.context() as patch:
        patch.setattr(moves, "shown", _dies)
        assert caller.post(url, REASON, Idempotency_Key="k").status == 500
    incident.refresh_from_db()
    assert (incident.state, IdempotencyKey.objects.count()) == ("detected", 0)
    assert caller.post(url, REASON, Idempotency_Key="k").status == 200


def _dies(*_args: object) -> None:
    raise MemoryError


def test_a_broken_ledger_keeps_no_key(committed_cast: Cast) -> None:
    caller = signed_in(committed_cast.commander)
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        assert open_one(caller, "k").status == 503
        superuser.execute("GRANT INSERT ON audit_event TO vigil_app")
    assert open_one(caller, "k").status == 201


@pytest.mark.parametrize("together", [12])
def test_the_same_request_many_times_at_once_changes_once(
    committed_cast: Cast, together: int
) -> None:
    secret = issued("incidents:read", "incidents:write", user=committed_cast.commander)
    start = Barrier(together)

    def send(_number: int) -> Answer:
        try:
            start.wait(10)
            return open_one(with_secret(secret), "k")
        finally:
            connection.close()

    with ThreadPoolExecutor(together) as threads:
        answers = list(threads.map(send, range(together)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["number"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert Incident.objects.count() == IdempotencyKey.objects.count() == 1


def test_keys_are_forgotten_after_a_week(commander: Caller) -> None:
    for key in ("old", "new"):
        open_one(commander, key)
    old = IdempotencyKey.objects.filter(key="old")
    old.update(created_at=old.get().created_at - timedelta(days=8))
    assert forget_idempotency_keys() == 1
    assert IdempotencyKey.objects.get().key == "new"
