"""The latch: once the gate is known to be wrong, everything governed is blocked until a person opens it.

Closed means: a file in this installation's `var`, which needs neither database nor broker and which
every process of this machine sees at its next call; and a row in `audit_gatelatch`, which every
process of every machine sees within its next transaction. Fails closed: a file that is there but
cannot be read closes as well.
"""

import json
import os
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

UNREADABLE = "the latch cannot be read"


@dataclass(frozen=True, slots=True)
class Latch:
    """Why and when the gate was closed, with what was known then."""

    id: str
    at: str
    reason: str
    evidence: Mapping[str, Any]


def path() -> Path:
    return settings.VAR.var / "gate-latch.json"


def closed() -> Latch | None:
    """The latch of this machine; None while the gate is open."""
    try:
        body = json.loads(path().read_bytes())
        return Latch(body["id"], body["at"], body["reason"], body["evidence"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.critical("governance_latch_unreadable", error=str(error))
        return Latch(_id_of_file(), datetime.now(UTC).isoformat(), UNREADABLE, {})


def _id_of_file() -> str:
    """The same for as long as the file is: another unreadable one is another latch."""
    try:
        found = path().stat()
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{found.st_ino} {found.st_mtime_ns}"))
    except OSError:
        return str(uuid.uuid4())


def close(reason: str, evidence: Mapping[str, Any]) -> Latch:
    """Closes the gate on this machine. The first reason stands; closing again changes nothing."""
    latch = Latch(
        str(uuid.uuid4()),
        datetime.now(UTC).isoformat(),
        reason,
        {**evidence, "process": f"{settings.PROCESS} {os.getpid()}", "stack": _stack()},
    )
    if not _write(latch):
        return closed() or latch
    log.critical("governance_latched", latch=latch.id, reason=reason)
    return latch


def _write(latch: Latch) -> bool:
    """Whether this call was the one that closed it."""
    unfinished = path().with_suffix(f".{latch.id}")
    try:
        with unfinished.open("x") as file:
            json.dump(asdict(latch), file)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where there is one already, and never shows half a file.
        os.link(unfinished, path())
    except FileExistsError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def open_again(latch_id: str) -> None:
    """Takes the file away after a release; another latch that closed since stays."""
    latch = closed()
    if latch is not None and latch.id == latch_id:
        path().unlink(missing_ok=True)


def _stack() -> list[str]:
    return traceback.format_stack(limit=30)[:-3]
