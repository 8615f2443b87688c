"""The one way to call out of the process: `call(dependency, attempt)`, by the table in `policies`."""

from portal.lib.resilience.calling import Answer, Kept, call
from portal.lib.resilience.failing import FAILURES, Refused, Unavailable

__all__ = ["FAILURES", "Answer", "Kept", "Refused", "Unavailable", "call"]
