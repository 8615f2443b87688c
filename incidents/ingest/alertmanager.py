"""Prometheus Alertmanager's webhook, version "4".

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

Alertmanager drops a notification that is answered with 4xx. So whatever a real one can send is
taken, if need be shortened; only what is not this format is refused. Prometheus allows NUL in
labels and annotations, which arrives here as U+FFFD.

An alert is known by its `fingerprint`, its firing period by `startsAt`. A group mixes firing and
resolved alerts; the status of the group says nothing of its alerts.
"""

from incidents.ingest.dedup import labels_key
from incidents.ingest.fields import MAX_LINK, Fields, Problems, is_link, kind
from incidents.ingest.instants import format_instant
from incidents.ingest.types import (
    MAX_DEDUP_KEY,
    MAX_SERVICE,
    MAX_SEVERITY_TEXT,
    MAX_SUMMARY,
    SEVERITY_LEVELS,
    STATUSES,
    NormalizedAlert,
)
from portal.lib.json_input import JSON, loads

VERSION = "4"
MAX_ALERTS = 10_000
MAX_RECEIVER = 255
MAX_GROUP_KEY = 1_024
_MAX_COUNT = 2**53 - 1
_SUMMARY_ANNOTATIONS = ("summary", "title", "description")
_SERVICE_LABELS = ("service", "app", "job")
_LINK_ANNOTATIONS = ("runbook_url", "dashboard_url")


def parse(raw: bytes) -> list[NormalizedAlert]:
    """The alerts of one notification, or `ValidationFailed` (`alerts.3.startsAt`)."""
    body = loads(raw, replace_nul=True)
    problems = Problems()
    if not isinstance(body, dict):
        problems.note("body", f"must be an object, not {kind(body)}")
        body = {}
    problems.refuse_if_any()
    group = Fields(body, problems)
    if body.get("version") != VERSION:
        group.note("version", f'must be "{VERSION}", the version of the webhook format')
    items = group.items("alerts")
    if not 1 <= len(items) <= MAX_ALERTS and not problems:
        group.note("alerts", f"must have 1 to {MAX_ALERTS} alerts, not {len(items)}")
    details = _details(group)
    problems.refuse_if_any()
    alerts = [
        alert
        for index, item in enumerate(items)
        if (alert := _alert(item, f"alerts.{index}", problems, details)) is not None
    ]
    problems.refuse_if_any()
    return alerts


def _alert(
    item: JSON, path: str, problems: Problems, details: dict[str, JSON]
) -> NormalizedAlert | None:
    if not isinstance(item, dict):
        problems.note(path, f"must be an object, not {kind(item)}")
        return None
    fields = Fields(item, problems, path)
    status = fields.choice("status", STATUSES, required=True)
    labels = fields.texts("labels")
    annotations = fields.texts("annotations")
    starts_at = fields.instant("startsAt")
    ends_at = fields.instant("endsAt")
    fingerprint = fields.text("fingerprint", MAX_DEDUP_KEY)
    generator = fields.text("generatorURL")
    if not fingerprint and not labels:
        fields.note("fingerprint", "is required for an alert without labels")
    if problems or status is None:
        return None
    severity_text = _first(labels, ("severity",))
    return NormalizedAlert(
        # Before 0.15, Alertmanager sent no fingerprint.
        dedup_key=fingerprint or labels_key(labels),
        summary=_summary(labels, annotations),
        status=status,
        severity=next((p for p in SEVERITY_LEVELS if p == severity_text.upper()), None),
        severity_text=_shortened(severity_text, MAX_SEVERITY_TEXT),
        service=_shortened(_first(labels, _SERVICE_LABELS), MAX_SERVICE) or None,
        labels=labels,
        annotations=annotations,
        starts_at=starts_at,
        ends_at=ends_at,
        period=format_instant(starts_at) if starts_at else None,
        links=_links(generator or "", annotations),
        details=details,
    )


def _details(group: Fields) -> dict[str, JSON]:
    """What the alerts of a group share, kept with each; bounded, for it is stored that often."""
    truncated = group.values.get("truncatedAlerts") or 0
    if not isinstance(truncated, int) or isinstance(truncated, bool) or truncated < 0:
        group.note("truncatedAlerts", "must be a number of alerts")
        truncated = 0
    return {
        "receiver": _shortened(group.text("receiver") or "", MAX_RECEIVER),
        "groupKey": _shortened(group.text("groupKey") or "", MAX_GROUP_KEY),
        "externalURL": _shortened(group.text("externalURL") or "", MAX_LINK),
        "truncatedAlerts": min(truncated, _MAX_COUNT),
    }


def _summary(labels: dict[str, str], annotations: dict[str, str]) -> str:
    summary = _first(annotations, _SUMMARY_ANNOTATIONS) or _first(labels, ("alertname",))
    # Templates leave line breaks and indentation behind.
    return _shortened(" ".join(summary.split()), MAX_SUMMARY) or "Alert without a name"


def _links(generator: str, annotations: dict[str, str]) -> tuple[str, ...]:
    candidates = (generator, *(annotations.get(name, "").strip() for name in _LINK_ANNOTATIONS))
    return tuple(dict.fromkeys(link for link in candidates if is_link(link)))


def _first(texts: dict[str, str], names: tuple[str, ...]) -> str:
    """The first text under `names` that is not blank."""
    return next((text for name in names if (text := texts.get(name, "").strip())), "")


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
