"""The one place where a failure becomes a response; `CONTRACTS.md` fixes the envelope.

What a caller is told comes from a `VigilError` alone: an exception that nobody foresaw is logged
with its traceback and answered with nothing but the trace id.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import structlog
from django.conf import settings
from django.core import exceptions as django
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from psycopg.errors import ReadOnlySqlTransaction
from rest_framework import exceptions as rest

from portal.lib import errors, read_only, trace

log = structlog.get_logger(__name__)

MAX_ERRORS = 50
ENVELOPE_PATHS = ("/api/", "/v1/", "/v2/", "/health/")
# Detectors often know nothing but HTTP Basic.
_BASIC_PATHS = ("/api/v1/alerts/", "/api/v1/ingest/", "/api/v1/logs/", "/v1/logs", "/v2/")
_BEARER = 'Bearer realm="vigil"'
_BASIC = 'Basic realm="vigil", charset="UTF-8"'
_UNAUTHORIZED = 401
# The names under which Django and REST framework file what concerns no single field.
_NO_FIELD = {"non_field_errors", "__all__"}


def wants_envelope(request: HttpRequest) -> bool:
    """Whether a failure of this request is told in JSON; a page in HTML otherwise."""
    if request.path_info.startswith(ENVELOPE_PATHS):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def response(
    error: errors.VigilError, trace_id: str, *, path: str = "", basic: bool = False
) -> JsonResponse:
    """Render `error`. A 401 offers Basic on the paths of detectors, or if `basic` asks for it."""
    rendered = JsonResponse(error.envelope(trace_id), status=error.http_status)
    rendered.error_code = error.error_code  # type: ignore[attr-defined] # for who counts failures
    rendered["X-Trace-Id"] = trace_id
    rendered["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        rendered["Retry-After"] = str(error.retry_after)
    if error.http_status == _UNAUTHORIZED:
        offers_basic = basic or path.startswith(_BASIC_PATHS)
        rendered["WWW-Authenticate"] = f"{_BEARER}, {_BASIC}" if offers_basic else _BEARER
    return rendered


def drf_exception_handler(exc: Exception, context: Mapping[str, Any]) -> JsonResponse:
    """REST framework's `EXCEPTION_HANDLER`."""
    request = context.get("request")
    return response(
        from_exception(exc),
        trace.trace_id() or trace.start_trace(None),
        path=request.path_info if request is not None else "",
    )


def from_exception(exc: BaseException) -> errors.VigilError:
    """The typed failure that stands for `exc`. Logs what is not the caller's doing."""
    if isinstance(exc, errors.VigilError):
        return exc
    known = _from_rest(exc) if isinstance(exc, rest.APIException) else _from_django(exc)
    if known is None:
        log.error("unexpected_error", exc_info=exc)
        return errors.InternalError()
    if isinstance(known, errors.DbUnavailable):
        log.error("database_unavailable", error=str(exc).strip())
    return known


def _from_django(exc: BaseException) -> errors.VigilError | None:  # noqa: C901, PLR0911 - a table
    match exc:
        case OperationalError() | InterfaceError():
            return errors.DbUnavailable()
        case InternalError() if isinstance(exc.__cause__, ReadOnlySqlTransaction):
            # A replica was read in place of the database, and refused to be changed.
            return read_only.ReadOnly()
        case Http404():
            return errors.NotFound()
        case django.PermissionDenied():
            return errors.GovernanceDenied()
        case django.ValidationError():
            detail = exc.message_dict if hasattr(exc, "error_dict") else exc.messages
            return errors.ValidationFailed(_bounded(_field_errors(detail)))
        case django.RequestDataTooBig(args=(int(limit),)):
            return errors.PayloadTooLarge(limit)
        case django.RequestDataTooBig():
            return errors.PayloadTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        case UnreadablePostError():
            return _invalid("body", "the connection ended before the whole body arrived")
        case MultiPartParserError():
            return _invalid("body", "is not a valid multipart form")
        case django.SuspiciousOperation() | django.BadRequest():
            # Their messages speak of settings and paths.
            return _invalid("request", "is malformed")
    return None


def _from_rest(exc: rest.APIException) -> errors.VigilError | None:  # noqa: PLR0911 - a table
    match exc:
        case rest.ValidationError():
            return errors.ValidationFailed(_bounded(_field_errors(exc.detail)))
        case rest.ParseError():
            return _invalid("body", _said(exc) or "is malformed")
        case rest.NotAuthenticated() | rest.AuthenticationFailed():
            return errors.NotAuthenticated(_said(exc))
        case rest.PermissionDenied():
            return errors.GovernanceDenied(_said(exc))
        case rest.NotFound():
            return errors.NotFound(_said(exc))
        case rest.MethodNotAllowed():
            return errors.MethodNotAllowed(_said(exc))
        case rest.NotAcceptable():
            return errors.NotAcceptable()
        case rest.UnsupportedMediaType():
            return errors.UnsupportedMediaType(_said(exc))
        case rest.Throttled():
            return errors.RateLimitExceeded(retry_after=getattr(exc, "wait", None))
    return None


def _said(exc: rest.APIException) -> str:
    """What the raiser wrote; empty for REST framework's own words, for which ours say more."""
    said = "; ".join(error.message for error in _bounded(_field_errors(exc.detail)))
    return "" if said == str(exc.default_detail) else said


def _field_errors(detail: object, path: str = "") -> Iterator[errors.FieldError]:
    """Nested errors as `alerts.3.labels`; `body` stands for the whole."""
    if isinstance(detail, Mapping):
        for key, below in detail.items():
            yield from _field_errors(below, path if key in _NO_FIELD else _join(path, key))
    elif isinstance(detail, list | tuple):
        for index, below in enumerate(detail):
            # A list of strings are messages about one thing; a list of lists goes by element.
            is_message = isinstance(below, str)
            yield from _field_errors(below, path if is_message else _join(path, index))
    else:
        yield errors.FieldError(path or "body", str(detail))


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _bounded(found: Iterator[errors.FieldError]) -> list[errors.FieldError]:
    return list(islice(found, MAX_ERRORS))


def _invalid(field: str, message: str) -> errors.ValidationFailed:
    return errors.ValidationFailed([errors.FieldError(field, message)])
