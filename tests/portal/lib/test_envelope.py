import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import exceptions as django
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.test import RequestFactory
from rest_framework import exceptions as rest
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.testing import capture_logs

from portal.lib import errors
from portal.lib.envelope import (
    MAX_ERRORS,
    drf_exception_handler,
    from_exception,
    response,
    wants_envelope,
)
from portal.lib.trace import bound

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[dict[str, object]]]:
    with capture_logs() as entries:
        yield entries  # type: ignore[misc] # a generator fixture


def fields(exc: BaseException) -> list[tuple[str, str]]:
    error = from_exception(exc)
    assert isinstance(error, errors.ValidationFailed)
    return [(found.field, found.message) for found in error.errors]


def test_the_envelope_is_the_contracts() -> None:
    rendered = response(errors.DbUnavailable(), TRACE)
    assert rendered.status_code == 503
    assert json.loads(rendered.content) == {
        "status": "unavailable",
        "error_code": "DB_UNAVAILABLE",
        "message": "Service temporarily unavailable. Please retry.",
        "trace_id": TRACE,
        "retry_after": 30,
    }
    assert rendered["Retry-After"] == "30"
    assert rendered["X-Trace-Id"] == TRACE
    assert rendered["Content-Type"] == "application/json"
    assert rendered["Cache-Control"] == "no-store"


def test_only_what_can_be_retried_says_when() -> None:
    rendered = response(errors.NotFound(), TRACE)
    assert "Retry-After" not in rendered
    assert "retry_after" not in json.loads(rendered.content)


def test_validation_names_every_field() -> None:
    error = errors.ValidationFailed([errors.FieldError("3.severity", "must be P0")])
    body = json.loads(response(error, TRACE).content)
    assert body["error_code"] == "VALIDATION_FAILED"
    assert body["errors"] == [{"field": "3.severity", "message": "must be P0"}]


@pytest.mark.parametrize(
    ("path", "offers_basic"),
    [
        ("/api/v1/alerts/", True),
        ("/api/v1/ingest/alertmanager/", True),
        ("/v2/enqueue", True),
        ("/v1/logs", True),
        ("/api/v1/incidents/", False),
        ("/api/v1/audit/events/", False),
        ("", False),
    ],
)
def test_basic_is_offered_to_detectors_only(path: str, offers_basic: bool) -> None:
    challenge = response(errors.NotAuthenticated(), TRACE, path=path)["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert ("Basic " in challenge) is offers_basic


def test_basic_can_be_asked_for() -> None:
    challenge = response(errors.NotAuthenticated(), TRACE, basic=True)["WWW-Authenticate"]
    assert "Basic " in challenge
    assert "WWW-Authenticate" not in response(errors.GovernanceDenied(), TRACE, basic=True)


@pytest.mark.parametrize(
    ("exc", "error_code", "http_status"),
    [
        (errors.Conflict("stale"), "CONFLICT", 409),
        (OperationalError("connection to 10.0.0.7 refused"), "DB_UNAVAILABLE", 503),
        (InterfaceError("connection already closed"), "DB_UNAVAILABLE", 503),
        (Http404("No Incident matches"), "NOT_FOUND", 404),
        (rest.NotFound(), "NOT_FOUND", 404),
        (django.PermissionDenied("internal"), "GOVERNANCE_DENIED", 403),
        (rest.PermissionDenied(), "GOVERNANCE_DENIED", 403),
        (rest.NotAuthenticated(), "NOT_AUTHENTICATED", 401),
        (rest.AuthenticationFailed(), "NOT_AUTHENTICATED", 401),
        (django.SuspiciousOperation("internal"), "VALIDATION_FAILED", 400),
        (django.DisallowedHost("internal"), "VALIDATION_FAILED", 400),
        (django.BadRequest("internal"), "VALIDATION_FAILED", 400),
        (django.RequestDataTooBig("internal"), "PAYLOAD_TOO_LARGE", 413),
        (UnreadablePostError("internal"), "VALIDATION_FAILED", 400),
        (rest.ParseError(), "VALIDATION_FAILED", 400),
        (rest.MethodNotAllowed("DELETE"), "METHOD_NOT_ALLOWED", 405),
        (rest.NotAcceptable(), "NOT_ACCEPTABLE", 406),
        (rest.UnsupportedMediaType("text/csv"), "UNSUPPORTED_MEDIA_TYPE", 415),
        (rest.Throttled(), "RATE_LIMIT_EXCEEDED", 429),
        (rest.APIException("internal"), "INTERNAL_ERROR", 500),
        (ValueError("internal"), "INTERNAL_ERROR", 500),
        (KeyError("internal"), "INTERNAL_ERROR", 500),
    ],
)
def test_every_exception_has_its_code(exc: Exception, error_code: str, http_status: int) -> None:
    rendered = response(from_exception(exc), TRACE)
    body = json.loads(rendered.content)
    assert (body["error_code"], rendered.status_code) == (error_code, http_status)
    assert body["message"]
    assert "internal" not in rendered.content.decode()
    assert "10.0.0.7" not in rendered.content.decode()


def test_what_nobody_foresaw_is_logged_once_with_its_traceback(
    logged: list[dict[str, object]],
) -> None:
    exc = ZeroDivisionError("secret")
    assert "secret" not in from_exception(exc).message
    assert logged == [{"event": "unexpected_error", "exc_info": exc, "log_level": "error"}]


def test_a_database_that_is_away_is_logged_without_a_traceback(
    logged: list[dict[str, object]],
) -> None:
    from_exception(OperationalError("connection refused\n"))
    assert logged == [
        {"event": "database_unavailable", "error": "connection refused", "log_level": "error"}
    ]


@pytest.mark.parametrize("exc", [Http404(), rest.ValidationError("x"), errors.Conflict()])
def test_what_the_caller_did_wrong_is_not_logged(
    exc: Exception, logged: list[dict[str, object]]
) -> None:
    from_exception(exc)
    assert logged == []


def test_own_words_of_a_view_reach_the_caller_and_stock_phrases_give_way_to_ours() -> None:
    assert from_exception(rest.AuthenticationFailed("The token expired.")).message == (
        "The token expired."
    )
    assert from_exception(rest.NotAuthenticated()).message == "Sign in, or send a valid token."


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    assert from_exception(rest.Throttled(wait=7.2)).retry_after == 8
    assert from_exception(rest.Throttled()).retry_after == 60


def test_nested_errors_are_named_by_their_path() -> None:
    detail: dict[str, Any] = {
        "alerts": [{}, {"labels": {"pod": ["Not a string.", "Too long."]}}, {"summary": "Missing"}],
        "tags": {3: ["Not a tag."]},
        "non_field_errors": ["Choose one."],
        "period": {"non_field_errors": ["Ends before it starts."]},
    }
    assert fields(rest.ValidationError(detail)) == [
        ("alerts.1.labels.pod", "Not a string."),
        ("alerts.1.labels.pod", "Too long."),
        ("alerts.2.summary", "Missing"),
        ("tags.3", "Not a tag."),
        ("body", "Choose one."),
        ("period", "Ends before it starts."),
    ]


def test_errors_without_a_field_concern_the_body() -> None:
    assert fields(rest.ValidationError("No.")) == [("body", "No.")]
    assert fields(django.ValidationError("No.")) == [("body", "No.")]
    assert fields(rest.ParseError("JSON parse error")) == [("body", "JSON parse error")]


def test_a_models_own_validation_is_named_by_field() -> None:
    exc = django.ValidationError({"summary": ["Too long."], "__all__": ["Already closed."]})
    assert fields(exc) == [("summary", "Too long."), ("body", "Already closed.")]


def test_a_real_serializer_gives_such_paths() -> None:
    class Item(serializers.Serializer[object]):
        labels = serializers.DictField(child=serializers.CharField(max_length=3))

    class Body(serializers.Serializer[object]):
        alerts = Item(many=True)

    body = Body(data={"alerts": [{"labels": {}}, {"labels": {"pod": "four"}}]})
    with pytest.raises(rest.ValidationError) as refused:
        body.is_valid(raise_exception=True)
    assert [field for field, _ in fields(refused.value)] == ["alerts.1.labels.pod"]


def test_the_number_of_errors_is_bounded() -> None:
    assert len(fields(rest.ValidationError({str(n): ["x"] for n in range(500)}))) == MAX_ERRORS


class Failing(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request) -> Response:
        raise rest.NotAuthenticated

    def get_exception_handler(self) -> object:
        return drf_exception_handler


def answer(request: HttpRequest) -> JsonResponse:
    with bound(TRACE):
        rendered = Failing.as_view()(request)
    assert isinstance(rendered, JsonResponse)
    return rendered


def test_a_view_of_the_api_answers_with_the_envelope() -> None:
    rendered = answer(RequestFactory().get("/v2/enqueue"))
    assert rendered.status_code == 401
    assert json.loads(rendered.content)["trace_id"] == rendered["X-Trace-Id"] == TRACE
    assert "Basic " in rendered["WWW-Authenticate"]


def test_a_method_that_is_not_there_names_those_that_are() -> None:
    rendered = answer(RequestFactory().delete("/api/v1/incidents/"))
    assert rendered.status_code == 405
    assert rendered["Allow"] == "GET, HEAD, OPTIONS"


def test_a_handler_outside_of_a_trace_begins_one() -> None:
    with bound(None):
        rendered = drf_exception_handler(Http404(), {"request": None})
    assert json.loads(rendered.content)["trace_id"] == rendered["X-Trace-Id"] != ""


@pytest.mark.parametrize(
    ("path", "accept", "wanted"),
    [
        ("/api/v1/incidents/", "text/html", True),
        ("/v1/logs", None, True),
        ("/v2/enqueue", None, True),
        ("/health/ready", "text/html", True),
        ("/incidents/", None, False),
        ("/incidents/", "*/*", False),
        ("/incidents/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("/incidents/", "application/json", True),
        ("/incidents/", "application/json, text/plain, */*", True),
        ("/incidents/", "text/html, application/json;q=0.9", False),
        ("/incidents/", "application/json, text/html;q=0.5", True),
        ("/incidents/", "application/json;q=0", False),
        ("/incidents/", ";;;,q=,/", False),
        ("/apiary/", None, False),
    ],
)
def test_programs_get_the_envelope_and_people_a_page(
    path: str, accept: str | None, wanted: bool
) -> None:
    headers = {} if accept is None else {"accept": accept}
    assert wants_envelope(RequestFactory().get(path, headers=headers)) is wanted
