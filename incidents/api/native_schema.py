"""The native format of alerts for the API's description, from the parser's own limits."""

from typing import Any

from incidents.ingest import native, types

_TEXT = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}


def _texts(longest: int, description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": {**_TEXT, "maxLength": longest},
        "maxProperties": native.MAX_LABELS,
    }


ALERT: dict[str, Any] = {
    "type": "object",
    "required": ["summary"],
    "properties": {
        "summary": {**_TEXT, "maxLength": types.MAX_SUMMARY},
        "dedup_key": {
            **_TEXT,
            "maxLength": types.MAX_DEDUP_KEY,
            "description": "What makes it the same alert; by default the SHA-256 of its labels.",
        },
        "status": {**_TEXT, "enum": list(types.STATUSES), "default": "firing"},
        "severity": {
            **_TEXT,
            "enum": list(native.SEVERITIES),
            "description": "P0 to P3 as they are; anything else goes through the mapping.",
        },
        "service": {
            **_TEXT,
            "maxLength": types.MAX_SERVICE,
            "description": "By name; a new one is made.",
        },
        "labels": _texts(native.MAX_LABEL_VALUE, "What identifies it, and routes it."),
        "annotations": _texts(native.MAX_ANNOTATION_VALUE, "What helps people."),
        "starts_at": _INSTANT,
        "ends_at": _INSTANT,
        "failure_type": {**_TEXT, "enum": list(types.FAILURE_TYPES)},
        "links": {
            "type": "array",
            "items": {**_TEXT, "format": "uri"},
            "maxItems": native.MAX_LINKS,
        },
    },
}
BODY = {
    "application/json": {
        "oneOf": [
            ALERT,
            {"type": "array", "items": ALERT, "minItems": 1, "maxItems": native.MAX_ALERTS},
        ]
    }
}
