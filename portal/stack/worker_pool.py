"""Imported by the Celery worker: its pool's processes end with it, even when it is killed, and each
says how its memory grows."""

import signal

from celery.signals import worker_process_init

from portal.limits import watching
from portal.stack.process import end_with_parent


def _end_with_worker(**_kwargs: object) -> None:
    end_with_parent(signal.SIGKILL)


# Weak references are the default, and nothing else holds the function.
worker_process_init.connect(_end_with_worker, weak=False)
worker_process_init.connect(watching.watch_memory, weak=False)
