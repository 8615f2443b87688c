"""The API's description of itself: OpenAPI 3.1 at `/api/schema/`, to try out at `/api/docs/`."""

from typing import Any

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

Endpoint = tuple[str, str, str, Any]

_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "What every failure is answered with.",
    "properties": {
        "status": {"type": "string"},
        "error_code": {"type": "string", "examples": ["VALIDATION_FAILED", "CONFLICT"]},
        "message": {"type": "string", "description": "For people."},
        "trace_id": {"type": "string", "description": "Also in `X-Trace-Id`."},
        "retry_after": {"type": "integer", "description": "Seconds."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["status", "error_code", "message", "trace_id"],
}


def documented_endpoints(endpoints: list[Endpoint], **_options: Any) -> list[Endpoint]:
    """Without the paths that only forgive a missing slash."""
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].endswith("/") or not endpoint[0].startswith("/api/")
    ]


def describe_failures(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    result["components"]["schemas"]["Error"] = _ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for methods in result["paths"].values():
        for operation in methods.values():
            operation["responses"]["default"] = {"description": "A failure.", "content": content}
    return result


urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # With its script in a file of its own, as the Content-Security-Policy wants it.
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
]
