"""The Celery application: queues by purpose, late acknowledgement, idempotent tasks only."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import beat_init, before_task_publish, worker_ready
from django.conf import settings

from portal.lib import spans
from portal.lib.resilience import deadline
from portal.lib.resilience.policies import Tracing, policy_of
from portal.lib.trace import bound, trace_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
HEADER = "vigil_deadline"
TRACE = "vigil_trace"


class DeadlineTask(Task):  # type: ignore[misc] # no stubs
    """Has 50 s, or what is left of the time of whoever sent it. One that comes too late fails at its
    first question to the database; what it was to do is still due, and beat asks again.

    It goes on with the trace of its sender; one that beat sends begins its own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        sender = str(getattr(self.request, TRACE, None) or "")
        ends = getattr(self.request, HEADER, None)
        with (
            deadline.inherited(ends, at_most=deadline.TASK),
            bound(sender),
            spans.span(spans.Kind.CONSUMER, self.name, {"vigil.task": self.name}, parent=sender),
        ):
            return super().__call__(*args, **kwargs)


def send_deadline(headers: dict[str, Any], **_kwargs: object) -> None:
    if (ends := deadline.at()) is not None:
        headers[HEADER] = ends


def send_trace(headers: dict[str, Any], **_kwargs: object) -> None:
    found = spans.traceparent() if policy_of("broker").tracing is Tracing.SENT_ON else ""
    if found or (found := trace_id()):
        headers[TRACE] = found


# Weak references are the default, and nothing else holds the functions.
before_task_publish.connect(send_deadline, weak=False)
before_task_publish.connect(send_trace, weak=False)


def send_heartbeat(signal: object, **_kwargs: object) -> None:
    from portal import heart  # noqa: PLC0415 - settings are there by now

    heart.beat_as("beat" if signal is beat_init else _role())


def _role() -> str:
    return "notifier" if settings.PROCESS == "notifier" else "worker"


worker_ready.connect(send_heartbeat, weak=False)
beat_init.connect(send_heartbeat, weak=False)
app = Celery("portal", task_cls=DeadlineTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
