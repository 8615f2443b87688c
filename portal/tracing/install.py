"""Puts all of it in place, once for each process as it starts."""

import atexit

from celery.signals import worker_process_shutdown
from django.db.backends.signals import connection_created

from portal.lib import spans
from portal.tracing import sql
from portal.tracing.batches import Batches
from portal.tracing.collector import Collector
from portal.tracing.configuration import Traces
from portal.tracing.tracer import OtelTracer, provider


def install(traces: Traces, process: str) -> None:
    """Nothing is sent, and no thread begins, before the first span ends."""
    batches = Batches(
        Collector(traces).export, queue=traces.queue, batch=traces.batch, delay=traces.delay
    )
    spans.install(OtelTracer(provider(traces, batches, process), batches))
    # Weak references are the default, and nothing else holds the function.
    connection_created.connect(sql.watch, dispatch_uid="traces", weak=False)
    # A process of the pool ends without what is registered for the end of the interpreter.
    worker_process_shutdown.connect(_flush, dispatch_uid="traces", weak=False)
    atexit.register(spans.flush)


def uninstall() -> None:
    """As it was; connections that are open keep what they have."""
    spans.flush()
    spans.install(None)
    connection_created.disconnect(dispatch_uid="traces")
    worker_process_shutdown.disconnect(dispatch_uid="traces")
    atexit.unregister(spans.flush)


def _flush(**_kwargs: object) -> None:
    spans.flush()
