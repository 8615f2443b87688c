"""The native format: one alert, or a list of up to 1,000 that is accepted or refused as a whole.

An alert without a `dedup_key` is known by its labels. One without labels too is known by its
summary and service, so that different ones do not collide and a later `resolved` with the same
words finds its alert.
"""

from incidents.ingest.dedup import labels_key
from incidents.ingest.fields import Fields, Problems, is_link, kind
from incidents.ingest.types import (
    FAILURE_TYPES,
    MAX_DEDUP_KEY,
    MAX_SERVICE,
    MAX_SUMMARY,
    SEVERITY_LEVELS,
    STATUSES,
    NormalizedAlert,
)
from portal.lib.json_input import JSON, loads, shown

MAX_ALERTS = 1_000
MAX_LABELS = 64
MAX_NAME = 128
MAX_LABEL_VALUE = 1_024
MAX_ANNOTATION_VALUE = 16_384
MAX_LINKS = 32
# Beside P0 to P3: what the severity mapping turns into one of them.
SEVERITY_WORDS = ("critical", "error", "high", "warning", "medium", "info", "low")
SEVERITIES: tuple[str, ...] = (*SEVERITY_LEVELS, *SEVERITY_WORDS)


def parse(raw: bytes) -> list[NormalizedAlert]:
    """The alerts of one body, or `ValidationFailed` with every field at fault (`3.severity`)."""
    problems = Problems()
    alerts = [
        alert
        for path, item in _items(loads(raw), problems)
        if (alert := _alert(item, path, problems)) is not None
    ]
    problems.refuse_if_any()
    return alerts


def _items(body: JSON, problems: Problems) -> list[tuple[str, JSON]]:
    if isinstance(body, dict):
        return [("", body)]
    if not isinstance(body, list):
        problems.note("body", f"must be an object or a list of objects, not {kind(body)}")
        return []
    if not 1 <= len(body) <= MAX_ALERTS:
        problems.note("body", f"must have 1 to {MAX_ALERTS} alerts, not {len(body)}")
        return []
    return [(str(index), item) for index, item in enumerate(body)]


def _alert(item: JSON, path: str, problems: Problems) -> NormalizedAlert | None:
    if not isinstance(item, dict):
        problems.note(path, f"must be an object, not {kind(item)}")
        return None
    fields = Fields(item, problems, path)
    summary = fields.text("summary", MAX_SUMMARY, required=True)
    dedup_key = fields.text("dedup_key", MAX_DEDUP_KEY)
    status = fields.choice("status", STATUSES)
    severity = fields.choice("severity", SEVERITIES)
    service = fields.text("service", MAX_SERVICE)
    labels = _bounded_texts(fields, "labels", MAX_LABEL_VALUE)
    annotations = _bounded_texts(fields, "annotations", MAX_ANNOTATION_VALUE)
    starts_at = fields.instant("starts_at")
    ends_at = fields.instant("ends_at")
    failure_type = fields.choice("failure_type", FAILURE_TYPES)
    links = _links(fields)
    # One problem refuses the whole body; from there on, fields are only read for further problems.
    if problems or summary is None:
        return None
    return NormalizedAlert(
        dedup_key=dedup_key or _default_key(labels, summary, service),
        summary=summary,
        status=status or "firing",
        severity=next((level for level in SEVERITY_LEVELS if level == severity), None),
        severity_text=severity or "",
        service=service,
        labels=labels,
        annotations=annotations,
        starts_at=starts_at,
        ends_at=ends_at,
        failure_type=failure_type,
        links=links,
    )


def _default_key(labels: dict[str, str], summary: str, service: str | None) -> str:
    return labels_key(labels or {"service": service or "", "summary": summary})


def _bounded_texts(fields: Fields, name: str, longest: int) -> dict[str, str]:
    texts = fields.texts(name)
    if len(texts) > MAX_LABELS:
        fields.note(name, f"must have at most {MAX_LABELS} entries, not {len(texts)}")
    for key, text in texts.items():
        path = f"{name}.{shown(key)}"
        if not 1 <= len(key) <= MAX_NAME:
            fields.note(path, f"must have a name of 1 to {MAX_NAME} characters")
        if len(text) > longest:
            fields.note(path, f"must have at most {longest} characters, not {len(text)}")
    return texts


def _links(fields: Fields) -> tuple[str, ...]:
    items = fields.items("links")
    if len(items) > MAX_LINKS:
        fields.note("links", f"must have at most {MAX_LINKS} entries, not {len(items)}")
        return ()
    links = []
    for index, link in enumerate(items):
        if isinstance(link, str) and is_link(link.strip()):
            links.append(link.strip())
        else:
            fields.note(f"links.{index}", "must be an absolute http or https URL")
    return tuple(dict.fromkeys(links))
