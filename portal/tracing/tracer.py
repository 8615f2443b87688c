"""OpenTelemetry's spans for `portal.lib.spans`, under the trace ids of `portal.lib.trace`."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from portal.lib import spans
from portal.lib.trace import bound, parent_of, trace_id
from portal.tracing.batches import Batches
from portal.tracing.configuration import SAMPLERS, Traces

KINDS: Mapping[spans.Kind, SpanKind] = {
    spans.Kind.SERVER: SpanKind.SERVER,
    spans.Kind.CONSUMER: SpanKind.CONSUMER,
    spans.Kind.CLIENT: SpanKind.CLIENT,
}


class Ids(IdGenerator):
    """The trace is the one that logs and ledger name. Drawn anew in each process, also after a
    fork, where the SDK's own generator would go on alike in all of them."""

    def generate_trace_id(self) -> int:
        return int(trace_id() or secrets.token_hex(16), 16)

    def generate_span_id(self) -> int:
        return secrets.randbits(64) or 1


class Open:
    def __init__(self, span: otel.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: spans.Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, error_type: str) -> None:
        """Without the text of the error: that may quote what somebody wrote."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(StatusCode.ERROR)


class OtelTracer:
    def __init__(self, provider: TracerProvider, batches: Batches) -> None:
        self._tracer = provider.get_tracer("vigil")
        self._batches = batches

    @contextmanager
    def span(
        self, kind: spans.Kind, name: str, attributes: spans.Attributes, parent: str
    ) -> Iterator[spans.Span]:
        context = None if kind is spans.Kind.CLIENT else _context_of(parent)
        with (
            bound(trace_id() or None),
            self._tracer.start_as_current_span(
                name,
                context,
                KINDS[kind],
                dict(attributes),
                record_exception=False,
                set_status_on_exception=False,
            ) as begun,
        ):
            span = Open(begun)
            try:
                yield span
            except BaseException as error:
                span.fail(type(error).__name__)
                raise

    def traceparent(self) -> str:
        found = otel.get_current_span().get_span_context()
        if not found.is_valid:
            return ""
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def flush(self, seconds: float) -> None:
        self._batches.flush(seconds)


def _context_of(traceparent: str) -> Context:
    """Empty without a parent: what this thread did before is none of it."""
    parent = parent_of(traceparent)
    if parent is None:
        return Context()
    flags = TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT
    remote = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(flags),
    )
    return otel.set_span_in_context(NonRecordingSpan(remote), Context())


def provider(traces: Traces, batches: Batches, process: str) -> TracerProvider:
    known = Resource({"service.namespace": "vigil", "service.name": f"vigil-{process}"})
    told = OTELResourceDetector().detect()
    made = TracerProvider(
        sampler=_sampler(traces),
        resource=known.merge(told),
        shutdown_on_exit=False,
        id_generator=Ids(),
    )
    made.add_span_processor(batches)
    return made


def _sampler(traces: Traces) -> sampling.Sampler:
    is_share, is_parent_first = SAMPLERS[traces.sampler]
    chosen: sampling.Sampler
    if is_share:
        chosen = sampling.TraceIdRatioBased(traces.ratio)
    else:
        chosen = sampling.ALWAYS_ON if traces.sampler.endswith("on") else sampling.ALWAYS_OFF
    return sampling.ParentBased(chosen) if is_parent_first else chosen
