import time
from collections.abc import Callable

import psutil


def wait_until(condition: Callable[[], object], *, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not true after {timeout} s: {condition.__name__}"
        time.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that ended and that nobody has collected yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
