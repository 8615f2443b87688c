"""Looks at the parts that the work needs, each in a thread of its own, since nothing can be trusted
to end. Who asks at the same time shares one look, so that asking cannot wear anything out."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

TIMEOUT = 3.0
SHARED_FOR = 1.0

log = structlog.get_logger(__name__)


class Failing(Exception):
    """What is wrong with a part, fit to be told to anybody."""


class Readiness:
    """Looks at all parts at once. A finding is what is wrong, empty where nothing is."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], timeout: float = TIMEOUT) -> None:
        self.checks = checks
        self.timeout = timeout
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._findings: dict[str, str] = {}
        self._looked_at = float("-inf")

    def findings(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._looked_at > SHARED_FOR:
                self._findings = self._look()
                self._looked_at = time.monotonic()
            return self._findings

    def _look(self) -> dict[str, str]:
        deadline = time.monotonic() + self.timeout
        answers: dict[str, str] = {}
        for name in self.checks:
            # One that still hangs from before is not started a second time.
            if name not in self._threads or not self._threads[name].is_alive():
                self._threads[name] = threading.Thread(
                    target=self._check, args=(name, answers), daemon=True
                )
                self._threads[name].start()
        for name in self.checks:
            self._threads[name].join(max(0.0, deadline - time.monotonic()))
        late = f"no answer within {self.timeout:g} s"
        return {name: answers.get(name, late) for name in self.checks}

    def _check(self, name: str, answers: dict[str, str]) -> None:
        try:
            self.checks[name]()
        except Failing as failing:
            answers[name] = str(failing)
        except Exception as error:  # noqa: BLE001 - whatever it is, the part did not do its work
            # The text may tell of hosts and users; it goes to the log.
            log.warning("health_check_failed", check=name, error=str(error).strip())
            answers[name] = "does not answer"
        else:
            answers[name] = ""
