"""Where an alert belongs: its severity by the editable mapping, its service by name."""

from django.utils.text import slugify

from audit.rows import register_rows
from incidents.ingest.types import NormalizedAlert
from incidents.models import Service, SeverityRule, Source
from incidents.severity import Severity

for _model in (Service, SeverityRule, Source):
    register_rows(_model)

# Where no line of the mapping fits, as when an administrator removed the last one.
FALLBACK = Severity.P2
# An alert's failure type is looked at like a label of this name.
FAILURE_TYPE = "failure_type"

# The mapping that an installation starts with; `docs/severity.md` explains it.
DEFAULT_RULES: tuple[dict[str, object], ...] = (
    {
        "label_names": [FAILURE_TYPE],
        "label_values": ["security"],
        "severity": Severity.P0,
        "restricts": True,
    },
    {
        "texts": ["critical"],
        "label_values": ["security"],
        "severity": Severity.P0,
        "restricts": True,
    },
    {
        "texts": ["critical"],
        "label_values": ["audit", "governance", "database"],
        "severity": Severity.P0,
    },
    {
        "texts": ["critical"],
        "label_names": ["alertname"],
        "label_values": ["ServiceDown"],
        "severity": Severity.P0,
    },
    {"texts": ["critical"], "severity": Severity.P1},
    {"texts": ["error", "high"], "severity": Severity.P1},
    {"texts": ["warning", "medium"], "severity": Severity.P2},
    {"texts": ["info", "low"], "severity": Severity.P3},
    {"severity": FALLBACK},
)


def severity_of(alert: NormalizedAlert) -> Severity:
    """P0–P3 as the alert itself says, else the first line of the mapping that fits."""
    text = alert.severity_text
    if text.upper() in Severity.values:
        return Severity(text.upper())
    for rule in SeverityRule.objects.all():
        if rule.fits(text, _labels(alert)):
            return Severity(rule.severity)
    return FALLBACK


def is_restricted(alert: NormalizedAlert) -> bool:
    """Whether any line that fits restricts, wherever the severity comes from: a line above it, or
    the alert's own word, opens nothing to everybody."""
    restricting = SeverityRule.objects.filter(restricts=True)
    return any(rule.fits(alert.severity_text, _labels(alert)) for rule in restricting)


def _labels(alert: NormalizedAlert) -> dict[str, str]:
    return alert.labels | ({FAILURE_TYPE: alert.failure_type} if alert.failure_type else {})


def service_of(alert: NormalizedAlert) -> Service | None:
    """The service that the alert names, made when it is new: an alert is never lost over a name.

    Belongs in a governed call, whose event then names the new row too.
    """
    slug = slugify(alert.service or "")[:64]
    if not slug:
        return None
    service, _made = Service.objects.get_or_create(
        slug=slug, defaults={"name": (alert.service or slug)[:100]}
    )
    return service
