"""The typed failures of the product, each with its code, HTTP status and envelope.

Code raises these; `portal.lib.envelope` is the one place that turns them into a response.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


class VigilError(Exception):
    """A failure that a caller is told about. `message` is for people and never holds internals."""

    error_code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    default_message: ClassVar[str] = "Something went wrong on our side. The trace id identifies it."
    default_retry_after: ClassVar[int | None] = None

    def __init__(self, message: str = "", *, retry_after: int | None = None) -> None:
        self.message = message or self.default_message
        self.retry_after = self.default_retry_after if retry_after is None else retry_after
        super().__init__(self.message)

    def details(self) -> dict[str, Any]:
        """What this kind of failure adds to the envelope."""
        return {}

    def envelope(self, trace_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "status": self.status,
            "error_code": self.error_code,
            "message": self.message,
            "trace_id": trace_id,
            **self.details(),
        }
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


class InternalError(VigilError):
    """Something that nobody foresaw; what it was is in the logs, under the trace id."""


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    message: str


class ValidationFailed(VigilError):
    error_code = "VALIDATION_FAILED"
    status = "invalid"
    http_status = 400
    default_message = "The request is not valid."

    def __init__(self, errors: Sequence[FieldError], message: str = "") -> None:
        super().__init__(message or "; ".join(f"{e.field}: {e.message}" for e in errors[:3]))
        self.errors = list(errors)

    def details(self) -> dict[str, Any]:
        return {"errors": [asdict(error) for error in self.errors]}


class NotAuthenticated(VigilError):
    error_code = "NOT_AUTHENTICATED"
    status = "unauthenticated"
    http_status = 401
    default_message = "Sign in, or send a valid token."


class GovernanceDenied(VigilError):
    """A voter said no. `votes` are `{"voter", "verdict", "reason"}`, and more."""

    error_code = "GOVERNANCE_DENIED"
    status = "forbidden"
    http_status = 403
    default_message = "This is not allowed."

    def __init__(self, reason: str = "", votes: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(reason)
        self.votes = list(votes)

    @property
    def needs(self) -> str:
        """What the caller can do about it, like `second_factor`; empty where nothing helps."""
        needs = {vote.get("needs", "") for vote in self.votes if vote["verdict"] == "deny"}
        return needs.pop() if len(needs) == 1 else ""

    def details(self) -> dict[str, Any]:
        needs = {"needs": self.needs} if self.needs else {}
        return {"reason": self.message, **needs, "votes": self.votes}


class ApprovalRequired(VigilError):
    """It happens once others have approved it; `approval` is where that stands."""

    error_code = "APPROVAL_REQUIRED"
    status = "pending_approval"
    http_status = 202

    def __init__(self, message: str, approval: str) -> None:
        super().__init__(message)
        self.approval = approval

    def details(self) -> dict[str, Any]:
        return {"approval": self.approval}


class GovernanceFailure(VigilError):
    """A voter broke. What was asked is blocked, never let through."""

    error_code = "GOVERNANCE_FAILURE"
    status = "forbidden"
    http_status = 403
    default_message = "Action blocked due to governance system failure"


class NotFound(VigilError):
    """Also for what the caller may not see."""

    error_code = "NOT_FOUND"
    status = "not_found"
    http_status = 404
    default_message = "There is nothing here, or you may not see it."


class MethodNotAllowed(VigilError):
    error_code = "METHOD_NOT_ALLOWED"
    status = "invalid"
    http_status = 405
    default_message = "This method is not supported here."


class NotAcceptable(VigilError):
    error_code = "NOT_ACCEPTABLE"
    status = "invalid"
    http_status = 406
    default_message = "This is not available in a type that the Accept header allows."


class Conflict(VigilError):
    error_code = "CONFLICT"
    status = "conflict"
    http_status = 409
    default_message = "This changed in the meantime. Reload and try again."


class UnsupportedMediaType(VigilError):
    error_code = "UNSUPPORTED_MEDIA_TYPE"
    status = "invalid"
    http_status = 415
    default_message = "This content type or encoding is not supported here."


class IdempotencyMismatch(VigilError):
    error_code = "IDEMPOTENCY_MISMATCH"
    status = "invalid"
    http_status = 422
    default_message = "This Idempotency-Key was used with another body."


class PayloadTooLarge(VigilError):
    error_code = "PAYLOAD_TOO_LARGE"
    status = "too_large"
    http_status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes after decompression.")


class RateLimitExceeded(VigilError):
    error_code = "RATE_LIMIT_EXCEEDED"
    status = "too_many_requests"
    http_status = 429
    default_message = "Too many requests. Please retry."
    default_retry_after = 60


class DbUnavailable(VigilError):
    error_code = "DB_UNAVAILABLE"
    status = "unavailable"
    http_status = 503
    default_message = "Service temporarily unavailable. Please retry."
    default_retry_after = 30


class AuditUnavailable(VigilError):
    error_code = "AUDIT_UNAVAILABLE"
    status = "service_unavailable"
    http_status = 503
    default_message = "Action blocked: cannot create audit trail"
    default_retry_after = 30


class CircuitOpen(VigilError):
    """A dependency failed so often that it is left alone for a while; nothing was sent to it."""

    error_code = "CIRCUIT_OPEN"
    status = "unavailable"
    http_status = 503
    default_message = "A service that this needs is down. Please retry."
    default_retry_after = 30


class ApiTimeout(VigilError):
    """A dependency gave up, or was given up: whether it did what was asked is not known."""

    error_code = "API_TIMEOUT"
    status = "error"
    http_status = 504
    default_message = "A service that this needs did not answer in time. Please retry."
