"""What every wire format is turned into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from incidents.ingest.instants import format_instant
from portal.lib.json_input import JSON

Status: TypeAlias = Literal["firing", "resolved"]
SeverityLevel: TypeAlias = Literal["P0", "P1", "P2", "P3"]
# The failure types of the rollback matrix.
FailureType: TypeAlias = Literal[
    "smoke_test",
    "error_rate",
    "response_time",
    "migration",
    "data_corruption",
    "bad_config",
    "security",
]
STATUSES: tuple[Status, ...] = get_args(Status)
SEVERITY_LEVELS: tuple[SeverityLevel, ...] = get_args(SeverityLevel)
FAILURE_TYPES: tuple[FailureType, ...] = get_args(FailureType)

MAX_DEDUP_KEY = 255
MAX_SUMMARY = 1024
MAX_SERVICE = 255
MAX_SEVERITY_TEXT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedAlert:
    """One alert of any detector, fit to be stored: no NUL, no lone surrogate, lengths bounded.

    `severity` is set only where the detector itself speaks of P0 to P3. `severity_text` is its own
    word, to be looked up without regard to case; empty if it gave none. `period` names the firing
    period where the format has a name for it; without one, a period lasts from a trigger to the
    next resolve. Instants are as the detector gave them, however skewed.
    """

    dedup_key: str
    summary: str
    status: Status = "firing"
    severity: SeverityLevel | None = None
    severity_text: str = ""
    service: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    period: str | None = None
    failure_type: FailureType | None = None
    links: tuple[str, ...] = ()
    details: dict[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text, longest in (
            ("dedup_key", self.dedup_key, MAX_DEDUP_KEY),
            ("summary", self.summary, MAX_SUMMARY),
            ("service", self.service or "", MAX_SERVICE),
            ("severity_text", self.severity_text, MAX_SEVERITY_TEXT),
        ):
            if len(text) > longest:
                msg = f"{name} is longer than {longest} characters"
                raise ValueError(msg)
        if not self.dedup_key or not self.summary:
            msg = "an alert needs a dedup_key and a summary"
            raise ValueError(msg)
        if any(at is not None and at.tzinfo is None for at in (self.starts_at, self.ends_at)):
            msg = "an instant needs a time zone"
            raise ValueError(msg)

    def to_json(self) -> dict[str, JSON]:
        return {
            "dedup_key": self.dedup_key,
            "summary": self.summary,
            "status": self.status,
            "severity": self.severity,
            "severity_text": self.severity_text,
            "service": self.service,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "starts_at": format_instant(self.starts_at) if self.starts_at else None,
            "ends_at": format_instant(self.ends_at) if self.ends_at else None,
            "period": self.period,
            "failure_type": self.failure_type,
            "links": list(self.links),
            "details": self.details,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "NormalizedAlert":
        """The alert whose `to_json` was stored. Keys that a later version added are ignored."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        for name in ("starts_at", "ends_at"):
            if known.get(name):
                known[name] = datetime.fromisoformat(known[name])
        return cls(**known | {"links": tuple(known.get("links", ()))})
