"""Taking alerts in, over HTTP."""

import base64
import gzip
import hashlib
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.throttling import BaseThrottle

from audit.accounts import token_revoke
from audit.gate import engine
from audit.models import ApiToken, Event
from incidents.api.detectors import AlertmanagerView, AlertsView
from incidents.models import AlertReceipt, Source
from tests.database import as_superuser, pointed_at
from tests.entries import actor_of
from tests.incidents.api.calling import Caller, issued, signed_in, with_secret
from tests.incidents.arranging import recorded
from tests.people import Cast

ALERTS, ALERTMANAGER = "alerts/", "ingest/alertmanager/"
ALERT = {"summary": "Disk full", "severity": "critical", "labels": {"host": "a"}}


def group(*alerts: dict[str, object]) -> dict[str, object]:
    return {"version": "4", "groupKey": "{}:{}", "status": "firing", "alerts": list(alerts)}


def firing(**labels: str) -> dict[str, object]:
    labels = {"alertname": "Down", "severity": "critical", **labels}
    text = json.dumps(labels, sort_keys=True).encode()
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": "2026-02-12T18:30:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": hashlib.sha256(text).hexdigest()[:16],
    }


BODIES = {ALERTS: ALERT, ALERTMANAGER: group(firing())}
both = pytest.mark.parametrize("path", [ALERTS, ALERTMANAGER])


@pytest.fixture
def detector(db: None) -> Caller:
    return with_secret(issued("alerts:write", name="probe", source="probe"))


@both
def test_an_alert_is_accepted_with_its_receipt(detector: Caller, path: str) -> None:
    body = json.dumps(BODIES[path]).encode()
    answer = detector.post(path, body)
    assert answer.status == 202
    receipt = AlertReceipt.objects.get()
    assert answer.body == {
        "status": "accepted",
        "receipts": [
            {
                "id": str(receipt.public_id),
                "dedup_key": receipt.dedup_key,
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        ],
    }
    assert bytes(receipt.body_sha256).hex() == hashlib.sha256(body).hexdigest()
    assert (receipt.source.slug, receipt.fate) == ("probe", "pending")


@both
def test_what_is_accepted_is_on_record(detector: Caller, path: str) -> None:
    detector.post(path, BODIES[path])
    event = Event.objects.latest("id")
    assert (event.event, actor_of(event)) == ("alerts_received", "token:probe")
    assert AlertReceipt.objects.get().event_id == event.pk


def test_receipts_come_in_the_order_of_the_alerts(detector: Caller) -> None:
    keys = [f"key-{number}" for number in range(20)]
    answer = detector.post(ALERTS, [{**ALERT, "dedup_key": key} for key in keys])
    assert [receipt["dedup_key"] for receipt in answer.body["receipts"]] == keys
    assert list(AlertReceipt.objects.order_by("id").values_list("dedup_key", flat=True)) == keys


@both
def test_a_token_may_be_the_password_of_basic(db: None, path: str) -> None:
    credentials = base64.b64encode(f"anybody:{issued('alerts:write')}".encode()).decode()
    answer = Caller(headers={"Authorization": f"Basic {credentials}"}).post(path, BODIES[path])
    assert answer.status == 202


@both
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "", "nonsense"],
)
def test_the_body_is_json_whatever_its_type_says(
    detector: Caller, path: str, content_type: str
) -> None:
    answer = detector.post(path, BODIES[path], Content_Type=content_type)
    assert answer.status == 202


def test_the_answer_is_json_whatever_is_asked_for(detector: Caller) -> None:
    assert detector.post(ALERTS, ALERT, Accept="text/plain").status == 202


@both
def test_a_missing_slash_loses_nothing(detector: Caller, path: str) -> None:
    assert detector.post(path.rstrip("/"), BODIES[path]).status == 202


@both
def test_gzip_is_taken_and_the_digest_is_of_what_was_in_it(detector: Caller, path: str) -> None:
    body = json.dumps(BODIES[path]).encode()
    answer = detector.post(path, gzip.compress(body), Content_Encoding="gzip")
    assert answer.body["receipts"][0]["sha256"] == hashlib.sha256(body).hexdigest()


def test_a_token_without_a_source_speaks_for_one_of_its_own_name(db: None) -> None:
    secret = issued("alerts:write", name="Prometheus (Zürich)")
    with_secret(secret).post(ALERTS, ALERT)
    with_secret(secret).post(ALERTS, ALERT)
    source = AlertReceipt.objects.latest("id").source
    assert (source.slug, source.name) == ("prometheus-zurich", "Prometheus (Zürich)")
    assert Source.objects.filter(slug=source.slug).count() == 1


def test_a_name_without_latin_letters_still_has_a_source(db: None) -> None:
    with_secret(issued("alerts:write", name="監視")).post(ALERTS, ALERT)
    assert AlertReceipt.objects.get().source.slug.startswith("source-")


@pytest.mark.parametrize("days", [-400, 400])
def test_skewed_clocks_are_stored_as_given(detector: Caller, days: int) -> None:
    at = (timezone.now() + timedelta(days=days)).isoformat()
    assert detector.post(ALERTS, {**ALERT, "starts_at": at}).status == 202
    receipt = AlertReceipt.objects.get()
    assert receipt.normalized["starts_at"].startswith(at[:19])
    assert abs(receipt.received_at - timezone.now()) < timedelta(minutes=1)


# --- Who may


def refused(caller: Caller, path: str = ALERTS) -> tuple[int, str, str]:
    answer = caller.post(path, BODIES[path])
    assert AlertReceipt.objects.count() == 0
    return answer.status, answer.code, answer.headers.get("WWW-Authenticate", "")


CHALLENGES = 'Bearer realm="vigil", Basic realm="vigil", charset="UTF-8"'


@both
@pytest.mark.parametrize("header", ["", "Bearer vgl_wrong", "Basic !", "Basic Og==", "Digest x"])
def test_nobody_is_told_both_ways_to_sign_in(db: None, path: str, header: str) -> None:
    caller = Caller(headers={"Authorization": header} if header else {})
    assert refused(caller, path) == (401, "NOT_AUTHENTICATED", CHALLENGES)


def test_a_session_does_not_send_alerts(cast: Cast) -> None:
    assert refused(signed_in(cast.administrator))[0] == 401


def test_a_revoked_token_is_nobody(cast: Cast) -> None:
    token_revoke(token=cast.token, by=cast.principal("administrator"))
    assert refused(with_secret(cast.secret))[0] == 401


def test_an_expired_token_is_nobody(db: None) -> None:
    secret = issued("alerts:write", expires_at=timezone.now() + timedelta(days=1))
    assert with_secret(secret).get(ALERTS).status == 405
    long_ago = timezone.now() - timedelta(days=2)
    times = {"created_at": long_ago, "expires_at": long_ago + timedelta(days=1)}
    recorded(lambda: ApiToken.objects.exclude(expires_at=None).update(**times))
    assert refused(with_secret(secret))[0] == 401


def test_another_scope_is_refused_and_that_is_recorded(cast: Cast) -> None:
    status, code, _ = refused(with_secret(issued("incidents:write", user=cast.commander)))
    assert (status, code) == (403, "GOVERNANCE_DENIED")
    assert Event.objects.latest("id").event == "governance_denied"


@both
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_alerts_are_only_posted(detector: Caller, path: str, method: str) -> None:
    answer = detector.call(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    if method != "HEAD":
        assert answer.code == "METHOD_NOT_ALLOWED"


# --- What is wrong with a body


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in ALERT.items() if name != field}


BAD: list[tuple[str, object, str]] = [
    (ALERTS, b"", "body"),
    (ALERTS, b"{", "body"),
    (ALERTS, b"summary=x", "body"),
    (ALERTS, b'{"summary": "\xff"}', "body"),
    (ALERTS, b'{"summary": NaN}', "body"),
    (ALERTS, b"[" * 100_000, "body"),
    (ALERTS, "text", "body"),
    (ALERTS, [], "body"),
    (ALERTS, [ALERT] * 1001, "body"),
    (ALERTS, without("summary"), "summary"),
    (ALERTS, {**ALERT, "summary": "x" * 1025}, "summary"),
    (ALERTS, {**ALERT, "summary": 7}, "summary"),
    (ALERTS, {**ALERT, "summary": "a\0b"}, "summary"),
    (ALERTS, {**ALERT, "labels": {"host": "a\0b"}}, "labels.host"),
    (ALERTS, {**ALERT, "severity": "apocalyptic"}, "severity"),
    (ALERTS, {**ALERT, "status": "burning"}, "status"),
    (ALERTS, {**ALERT, "labels": ["a"]}, "labels"),
    (ALERTS, {**ALERT, "starts_at": "yesterday"}, "starts_at"),
    (ALERTS, {**ALERT, "dedup_key": "x" * 256}, "dedup_key"),
    (ALERTS, [ALERT, {**ALERT, "severity": 1}], "1.severity"),
    (ALERTMANAGER, b"{", "body"),
    (ALERTMANAGER, {"alerts": [firing()]}, "version"),
    (ALERTMANAGER, {**group(), "version": "3"}, "version"),
    (ALERTMANAGER, group(), "alerts"),
    (ALERTMANAGER, group({**firing(), "status": "burning"}), "alerts.0.status"),
    (ALERTMANAGER, group({**firing(), "startsAt": "x"}), "alerts.0.startsAt"),
]


@pytest.mark.parametrize(("path", "body", "field"), BAD)
def test_a_bad_body_is_refused_by_field(
    detector: Caller, path: str, body: object, field: str
) -> None:
    answer = detector.post(path, body)
    assert (answer.status, answer.code) == (400, "VALIDATION_FAILED")
    assert field in answer.fields
    assert AlertReceipt.objects.count() == 0


def test_a_list_is_accepted_or_refused_as_a_whole(detector: Caller) -> None:
    assert detector.post(ALERTS, [ALERT, {}]).status == 400
    assert AlertReceipt.objects.count() == 0


def test_alertmanager_does_not_lose_an_alert_over_a_nul(detector: Caller) -> None:
    answer = detector.post(ALERTMANAGER, group(firing(instance="a\0b")))
    assert answer.status == 202
    assert AlertReceipt.objects.get().normalized["labels"]["instance"] == "a\ufffdb"


MIB = 1024 * 1024


@both
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b" " * (11 * MIB), "identity"),
        (gzip.compress(b" " * (11 * MIB)), "gzip"),
        (gzip.compress(b" " * (100 * MIB)), "gzip"),
    ],
    ids=["11 MiB", "11 MiB compressed", "bomb"],
)
def test_too_large_is_too_large_however_it_is_packed(
    detector: Caller, path: str, body: bytes, encoding: str
) -> None:
    answer = detector.post(path, body, Content_Encoding=encoding)
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


def test_an_unknown_encoding_is_refused(detector: Caller) -> None:
    answer = detector.post(ALERTS, ALERT, Content_Encoding="br")
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


# --- Under load, and when parts are broken


@both
def test_the_number_of_queries_does_not_grow(detector: Caller, path: str) -> None:
    counts = []
    detector.post(path, BODIES[path])  # makes the source
    for size in (1, 500):
        alerts = [firing(instance=str(number)) for number in range(size)]
        natives = [{**ALERT, "dedup_key": str(number)} for number in range(size)]
        with CaptureQueriesContext(connection) as queries:
            answer = detector.post(path, natives if path == ALERTS else group(*alerts))
        assert len(answer.body["receipts"]) == size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


@pytest.mark.parametrize(
    ("view", "path", "status"), [(AlertsView, ALERTS, 429), (AlertmanagerView, ALERTMANAGER, 503)]
)
def test_alertmanager_is_never_told_429(
    detector: Caller, monkeypatch: pytest.MonkeyPatch, view: type, path: str, status: int
) -> None:
    class Full(BaseThrottle):
        def allow_request(self, _request: object, _view: object) -> bool:
            return False

        def wait(self) -> float:
            return 7.5

    monkeypatch.setattr(view, "throttle_classes", [Full])
    answer = detector.post(path, BODIES[path])
    assert (answer.status, answer.code) == (status, "RATE_LIMIT_EXCEEDED")
    assert answer.headers["Retry-After"] == str(answer.body["retry_after"])


class BrokenVoter:
    name = "axioms"
    digest = ""

    def vote(self, _request: object, _asked: object) -> object:
        raise RuntimeError


@both
def test_a_broken_gate_lets_nothing_in(
    detector: Caller, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(engine, "_VOTERS", (BrokenVoter(),))
    assert refused(detector, path)[:2] == (403, "GOVERNANCE_FAILURE")
    assert Event.objects.latest("id").event == "governance_failure"


@both
def test_a_broken_ledger_lets_nothing_in(committed_cast: Cast, path: str) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    caller = with_secret(committed_cast.secret)
    assert refused(caller, path)[:2] == (503, "AUDIT_UNAVAILABLE")


@both
def test_without_the_database_the_answer_is_try_again(committed_cast: Cast, path: str) -> None:
    caller = with_secret(committed_cast.secret)
    with pointed_at("vigil_no_such_database"):
        answer = caller.post(path, BODIES[path])
    assert (answer.status, answer.code) == (503, "DB_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "30"
