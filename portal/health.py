"""Whether this process lives, and whether it can do its work.

`/health/live` says that the process answers, and asks nobody: a restart would not bring back a
database. `/health/ready` looks at each part that the work needs. A part that hangs counts as
failing, and never holds up the answer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from audit import journal
from audit.gate import vectors
from audit.journal import JournalUnavailable
from audit.ledger import lag
from portal import probes
from portal.lib.errors import FieldError, MethodNotAllowed, ValidationFailed, VigilError
from portal.readiness import Failing, Readiness

DATABASE_TIMEOUT = 2

log = structlog.get_logger(__name__)


class NotReady(VigilError):
    error_code = "NOT_READY"
    status = "unavailable"
    http_status = 503
    default_retry_after = 5

    def __init__(self, findings: Mapping[str, str]) -> None:
        self.findings = findings
        names = ", ".join(name for name, problem in findings.items() if problem)
        super().__init__(f"Not ready: {names}.")

    def details(self) -> dict[str, Any]:
        return {"checks": rendered(self.findings)}


@contextmanager
def own_connection(alias: str = DEFAULT_DB_ALIAS) -> Iterator[CursorWrapper]:
    """A connection beside the pool, which may be exhausted, that gives up within seconds."""
    own = connections[alias].copy()
    options = {**own.settings_dict["OPTIONS"], "connect_timeout": DATABASE_TIMEOUT}
    options.pop("pool", None)
    own.settings_dict["OPTIONS"] = options
    try:
        with own.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {DATABASE_TIMEOUT * 1000}")
            yield cursor
    finally:
        own.close()


def check_database() -> None:
    with own_connection() as cursor:
        cursor.execute("SELECT 1")


def check_broker() -> None:
    probes.broker(settings.CELERY_BROKER_URL)


_WRITABLE = """
SELECT has_table_privilege('audit_event', 'INSERT') AND NOT pg_is_in_recovery()
           AND NOT current_setting('transaction_read_only')::boolean
"""


def check_ledger() -> None:
    with own_connection() as cursor:
        cursor.execute(_WRITABLE)
        (is_writable,) = cursor.fetchone()
        cursor.execute(lag.OLDEST_UNSIGNED)
        waited = (cursor.fetchone() or (0.0,))[0]
    if not is_writable:
        raise Failing("no entry can be added")
    if waited > settings.MAX_CHECKPOINT_LAG:
        raise Failing(f"the oldest event has waited {waited:.0f} s for a signed checkpoint")


def check_journal() -> None:
    try:
        journal.preflight()
    except JournalUnavailable as error:
        log.critical("journal_unavailable", reason=error.reason)
        msg = "the journal cannot be written"
        raise Failing(msg) from error


def check_gate() -> None:
    if wrong := vectors.failures():
        log.critical("gate_self_test_failed", wrong=wrong)
        raise Failing("known questions are answered wrongly")


readiness = Readiness(
    {
        "database": check_database,
        "broker": check_broker,
        "ledger": check_ledger,
        "gate": check_gate,
        "journal": check_journal,
    }
)


def rendered(findings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {"status": "failing", "detail": problem} if problem else {"status": "ok"}
        for name, problem in findings.items()
    }


def only_read(request: HttpRequest) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed


@csrf_exempt
def live(request: HttpRequest) -> HttpResponse:
    only_read(request)
    return _answer({"status": "ok"})


@csrf_exempt
def ready(request: HttpRequest) -> HttpResponse:
    """All parts, or each `part` that is named: what is asked for a single pod leaves out what all pods
    share, for none of them would be left to say what is going on."""
    only_read(request)
    findings = readiness.findings()
    if named := request.GET.getlist("part"):
        if unknown := set(named) - findings.keys():
            message = f"no part is called {min(unknown)}; there are {', '.join(findings)}"
            raise ValidationFailed([FieldError("part", message)])
        findings = {name: findings[name] for name in named}
    if any(findings.values()):
        raise NotReady(findings)
    return _answer({"status": "ok", "checks": rendered(findings)})


def _answer(body: dict[str, Any]) -> HttpResponse:
    return JsonResponse(body, headers={"Cache-Control": "no-store"})
