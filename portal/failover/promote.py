"""Promotes the replica. Everything that comes before it only reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import journal
from audit.gate import engine
from audit.gate.types import Action, Decision, Request, Resource, Verdict
from audit.governed import governed, resource_of
from audit.ledger import lag
from audit.ledger.report import Report
from audit.ledger.verify import verify
from audit.principal import Principal
from audit.record import current
from portal.database.replica import ALIAS, standing
from portal.lib.errors import GovernanceDenied

WAIT = 60
KIND = "portal.database"
# A latched gate can only be released in a database, and events can only be signed in one.
FAIL_OVER = Action(
    "portal:database:fail-over",
    event="database_failed_over",
    permission="portal.fail_over_database",
    works_while_latched=True,
    works_while_unsigned=True,
)


class NotPromoted(Exception):
    """The server did not become one that takes writes."""


@dataclass(frozen=True, slots=True)
class Promoted:
    size: int
    status: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The checklist in words, and what the verification of the promoted ledger said."""

    checks: tuple[str, ...]
    status: str


@governed(FAIL_OVER, on="database")
def database_failed_over(
    *, database: Resource, by: Principal, reason: str, forced: str, findings: Findings
) -> None:
    """Puts on record, in the promoted database, that it was promoted, by whom and on what grounds."""
    current().note(
        database=database.id,
        reason=reason,
        forced=forced,
        checks=list(findings.checks),
        verified=findings.status,
    )


def resource() -> Resource:
    """Named by its server: a URL may hold a password."""
    configured = connections.settings[ALIAS]
    return Resource(KIND, f"{configured['HOST'] or 'local'}:{configured['PORT'] or 5432}")


@contextmanager
def from_replica() -> Iterator[BaseDatabaseWrapper]:
    """Everything in the body is asked from the replica, however far behind, and only read."""
    primary, replica = connections["default"], connections[ALIAS]
    standing(replica)
    connections["default"] = replica
    try:
        yield replica
    finally:
        connections["default"] = primary
        replica.close()


def decided(by: Principal) -> Decision:
    """By the gate, from what the replica knows. Raises `GovernanceDenied`."""
    decision = engine.decide(Request(by, FAIL_OVER, resource_of(resource(), by)))
    if decision.verdict is not Verdict.ALLOW:
        raise GovernanceDenied(decision.reason, [vote.to_json() for vote in decision.votes])
    return decision


def promote(url: str, by: Principal, decision: Decision) -> None:
    """On this machine's disk before it is done. `url` is of a login that may call `pg_promote`.

    Raises `JournalUnavailable`, `NotPromoted`, `psycopg.Error`.
    """
    intent = journal.intent(
        actor=by.recorded,
        action=FAIL_OVER.name,
        target=str(resource()),
        verdict=decision.verdict.value,
        policy=decision.policy_digest,
    )
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as server:
            if server.execute("SELECT pg_is_in_recovery()").fetchone() != (True,):
                raise NotPromoted("that server is no replica")  # noqa: TRY301
            if server.execute("SELECT pg_promote(true, %s)", [WAIT]).fetchone() != (True,):
                raise NotPromoted(f"it was not promoted within {WAIT} s")  # noqa: TRY301
    except BaseException as error:
        # Whether it was promoted after all, the next run of the checklist says.
        intent.rolled_back(error)
        raise


def point_at_promoted() -> None:
    """This process's database is the promoted one from now on."""
    connection.close()
    connections[ALIAS].close()
    connections.settings["default"] = {**connections.settings[ALIAS]}
    del connections["default"]
    lag.forget()


def verified() -> Promoted:
    """All of the ledger in the promoted database, from its bytes."""
    report = Report()
    verify(report)
    return Promoted(report.size, report.status)
