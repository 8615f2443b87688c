"""What each attempt at one delivery came to, for the page that tells it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from incidents.notify.message import one_line
from portal.lib.resilience import Refused, Unavailable
from portal.lib.resilience.http import Reply

LONGEST_ERROR, LONGEST_ANSWER = 500, 1000


@dataclass(slots=True)
class Attempt:
    """`outcome` as in `models.NotificationAttempt`; one that has not ended has no answer."""

    begun_at: datetime
    outcome: str = "unanswered"
    seconds: float = 0.0
    status: int | None = None
    error: str = ""
    answer: str = ""

    def heard(self, reply: Reply) -> None:
        self.status = reply.status
        self.answer = one_line(reply.body.decode(errors="replace"))


@dataclass(slots=True)
class Story:
    """`secrets` are taken out of whatever is kept."""

    secrets: tuple[str, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Begun before the call, so that one that is cut off is told of as well."""
        made = Attempt(datetime.now(UTC))
        self.attempts.append(made)
        begun = time.monotonic()
        try:
            yield made
            made.outcome = "accepted"
        except Refused as error:
            made.outcome, made.error = "refused", str(error)
            raise
        except Unavailable as error:
            made.outcome, made.error = "unavailable", str(error)
            raise
        except BaseException as error:
            made.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            made.seconds = time.monotonic() - begun
            made.error = self.clean(made.error)[:LONGEST_ERROR]
            made.answer = self.clean(made.answer)[:LONGEST_ANSWER]

    def held(self, why: str) -> None:
        """Nothing was sent at all."""
        self.attempts.append(
            Attempt(datetime.now(UTC), "held", error=self.clean(why)[:LONGEST_ERROR])
        )

    def clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text.replace("\0", "")
