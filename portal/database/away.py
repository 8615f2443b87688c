"""Since when the database is away, as this machine's processes know it.

The first failure counts, not the opening of a breaker: what a replica had by then is all there was.
It is kept in `var`, so that a process that starts meanwhile does not take its own start for it.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.conf import settings

from portal.lib.resilience import clock

log = structlog.get_logger(__name__)


class Away:
    def __init__(self) -> None:
        self._first_failure: datetime | None = None
        # Left by a process that did not live to see it come back, for all that is known.
        self._is_written = True

    def failed(self, *, is_open: bool) -> None:
        if self._first_failure is None:
            self._first_failure = datetime.fromtimestamp(clock.now(), UTC)
        if is_open:
            self._is_written = True
            _write(self._first_failure)

    def answered(self) -> None:
        self._first_failure = None
        if self._is_written:
            path().unlink(missing_ok=True)
            self._is_written = False

    def since(self) -> datetime:
        """As whichever process noticed it first has it; now, where none has."""
        now = datetime.fromtimestamp(clock.now(), UTC)
        return min(_read() or now, self._first_failure or now)


def path() -> Path:
    return settings.VAR.var / "database-away.json"


def _write(since: datetime) -> None:
    """Nothing where it is there already, from another process."""
    unfinished = path().with_suffix(f".{os.getpid()}")
    try:
        unfinished.write_text(json.dumps({"since": since.isoformat()}))
        os.link(unfinished, path())
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("away_not_written", error=str(error))
    finally:
        unfinished.unlink(missing_ok=True)


def _read() -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(path().read_bytes())["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


away = Away()
