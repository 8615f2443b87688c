"""What the status page shows, in a file of this machine: taken every 30 s, read without a database.

The snapshot says as of when it is, and once it is older than it should be, so does the page.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from incidents.selectors.public_status import Published, ServiceState, Told, Update, told
from portal.lib.errors import DbUnavailable
from portal.lib.resilience import clock

EVERY = timedelta(seconds=30)
STALE = 3 * EVERY


@dataclass(frozen=True, slots=True)
class Snapshot:
    taken_at: datetime
    told: Told

    @property
    def age(self) -> timedelta:
        return max(_now() - self.taken_at, timedelta())

    @property
    def is_stale(self) -> bool:
        return self.age > STALE


def _now() -> datetime:
    return datetime.fromtimestamp(clock.now(), UTC)


def path() -> Path:
    return settings.VAR.var / "status.json"


def take() -> Snapshot:
    """Asks the database, and keeps what it says. Raises `DatabaseError`, `OSError`."""
    now = _now()
    snapshot = Snapshot(now, told(now))
    unfinished = path().with_name(f".{path().name}.{os.getpid()}")
    # Replaced in one step, so that nobody meets half of it.
    unfinished.write_text(json.dumps(asdict(snapshot), default=_as_text))
    unfinished.replace(path())
    return snapshot


def last() -> Snapshot | None:
    """None where none was ever taken, or it cannot be read."""
    try:
        raw = json.loads(path().read_bytes())
        return Snapshot(datetime.fromisoformat(raw["taken_at"]), _told(raw["told"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def shown() -> Snapshot:
    """The last one; where there is none yet, a new one. Raises `DbUnavailable`, `DatabaseError`."""
    try:
        return last() or take()
    except OSError as error:
        raise DbUnavailable from error


def is_due() -> bool:
    found = last()
    return found is None or found.age >= EVERY


def _told(raw: dict[str, Any]) -> Told:
    return Told(
        raw["state"],
        [ServiceState(**each) for each in raw["services"]],
        [_published(each) for each in raw["incidents"]],
        [_published(each) for each in raw["past"]],
    )


def _published(raw: dict[str, Any]) -> Published:
    since = datetime.fromisoformat(raw["since"])
    return Published(**{**raw, "since": since, "updates": [_update(u) for u in raw["updates"]]})


def _update(raw: dict[str, Any]) -> Update:
    return Update(**{**raw, "at": datetime.fromisoformat(raw["at"])})


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
