"""What became of spans. Told, as 0, also where none are made: a rule asks for it."""

from prometheus_client import Counter

REASONS = ("queue_full", "export_failed", "rejected", "ended")
LOST = Counter(
    "vigil_trace_spans_lost",
    "Spans that no collector got: queue_full, export_failed, rejected (by the collector), ended"
    " (with their process).",
    ["reason"],
)
SENT = Counter("vigil_trace_spans_exported", "Spans that the collector took.")
for _reason in REASONS:
    LOST.labels(_reason)
