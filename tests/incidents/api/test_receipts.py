"""What became of an alert."""

import uuid

from audit.models import Event
from incidents.models import AlertReceipt, Incident
from incidents.tasks import drain_receipts
from tests.incidents.api.calling import Caller, issued, signed_in, with_secret
from tests.incidents.arranging import restrict
from tests.incidents.ingesting import received, settled
from tests.people import Cast


def url(receipt: AlertReceipt) -> str:
    return f"receipts/{receipt.public_id}/"


def detector(cast: Cast) -> Caller:
    return with_secret(cast.secret)


def test_a_receipt_waits_until_it_has_a_fate(cast: Cast) -> None:
    receipt = received(cast, "k", period=1)
    before = detector(cast).get(url(receipt)).body
    assert (before["fate"], before["incident"], before["period"]) == ("pending", None, None)
    drain_receipts()
    after = detector(cast).get(url(receipt)).body
    number = Incident.objects.get().number
    assert (after["fate"], after["incident"]) == ("opened", number)
    assert (after["period"]["status"], after["period"]["receipt_count"]) == ("firing", 1)


def test_a_receipt_says_what_was_received_when_and_where_that_is_on_record(cast: Cast) -> None:
    receipt = received(cast, "k", period=1, labels={"host": "a"})
    body = detector(cast).get(url(receipt)).body
    assert body["id"] == str(receipt.public_id)
    assert (body["source"], body["dedup_key"], body["sha256"]) == ("probe", "k", "00" * 32)
    assert body["starts_at"] == "2026-02-12T13:00:00.000000Z"
    assert body["received_at"] > body["starts_at"]
    assert body["alert"]["labels"] == {"host": "a"}
    event = Event.objects.get(event="alerts_received")
    assert body["event"] == event.pk
    assert body["links"]["proof"].endswith(f"/events/{event.pk}/proof/")


def test_a_dropped_receipt_says_why(cast: Cast) -> None:
    body = detector(cast).get(url(settled(cast, "k", "resolved"))).body
    assert (body["fate"], body["fate_detail"]) == ("dropped", "nothing with that key is firing")


def test_another_detector_does_not_see_it(cast: Cast) -> None:
    receipt = received(cast, "k")
    for caller in (
        with_secret(issued("alerts:write", source="other")),
        with_secret(issued("alerts:write")),
        with_secret(issued("audit:read", source="probe")),
    ):
        assert caller.get(url(receipt)).status == 404
    assert with_secret(issued("alerts:write", source="probe")).get(url(receipt)).status == 200


def test_people_see_it_who_may_see_receipts(cast: Cast) -> None:
    receipt = settled(cast, "k")
    number = Incident.objects.get().number
    assert signed_in(cast.responder).get(url(receipt)).body["incident"] == number
    assert signed_in(cast.outsider).get(url(receipt)).status == 404
    reader = with_secret(issued("incidents:read", user=cast.responder))
    assert reader.get(url(receipt)).body["incident"] == number
    assert with_secret(issued("incidents:read", user=cast.outsider)).get(url(receipt)).status == 404
    assert with_secret(issued("incidents:read")).get(url(receipt)).status == 200


def test_a_restricted_incident_is_not_told_through_its_receipts(cast: Cast) -> None:
    receipt = settled(cast, "k")
    incident = restrict(Incident.objects.get(), cast.commander)
    later = received(cast, "k")
    for hidden in (receipt, later):
        assert signed_in(cast.responder).get(url(hidden)).status == 404
        assert with_secret(issued("incidents:read")).get(url(hidden)).status == 404
    own = detector(cast).get(url(receipt)).body
    assert (own["fate"], own["incident"], own["period"]) == ("opened", None, None)
    for caller in (
        signed_in(cast.commander),
        with_secret(issued("incidents:read", user=cast.commander)),
    ):
        assert caller.get(url(receipt)).body["incident"] == incident.number


def test_what_is_no_receipt_is_not_found(cast: Cast) -> None:
    for path in (f"receipts/{uuid.UUID(int=1)}/", "receipts/1/"):
        answer = detector(cast).get(path)
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
