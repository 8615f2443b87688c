"""Known answers of the axioms, which need no database: the watchdog asks them over and over."""

from dataclasses import dataclass

from audit.gate.axioms import AxiomsVoter
from audit.gate.cedar import inputs
from audit.gate.types import Action, Fact, Request, Resource, Verdict
from audit.principal import Principal, system


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    request: Request
    verdict: Verdict


def _ask(principal: Principal, action: str, kind: str, **facts: Fact) -> Request:
    return Request(principal, Action(action, event="self_test"), Resource(kind, "0", facts))


_CLIENT = Principal(kind="token", name="self-test")
_CLOSE, _INCIDENT = "incidents:incident:close", "incidents.incident"

VECTORS = (
    Vector(
        "a program does not close an incident",
        _ask(_CLIENT, _CLOSE, _INCIDENT, severity="P3", has_accepted_postmortem=True),
        Verdict.DENY,
    ),
    Vector(
        "an approval without a known author is refused",
        _ask(_CLIENT, "incidents:postmortem:accept", "incidents.postmortem"),
        Verdict.DENY,
    ),
    Vector(
        "the record is not edited, not even by the product",
        _ask(system("self-test"), "audit:event:change", "audit.event"),
        Verdict.DENY,
    ),
    Vector(
        "a client does not touch a restricted incident",
        _ask(_CLIENT, "incidents:incident:annotate", _INCIDENT, is_restricted=True),
        Verdict.DENY,
    ),
    Vector(
        "the worker opens an incident from an alert",
        _ask(system("worker"), "incidents:receipt:process", "incidents.alertreceipt"),
        Verdict.ALLOW,
    ),
    Vector(
        "a detector sends an alert",
        _ask(_CLIENT, "incidents:alert:receive", "incidents.source"),
        Verdict.ALLOW,
    ),
)


def failures(voter: AxiomsVoter | None = None) -> list[str]:
    """The vectors that were answered wrongly, or not at all; empty when the axioms are sound."""
    voter = voter or AxiomsVoter()
    return [failure for vector in VECTORS if (failure := _failure(voter, vector))]


def _failure(voter: AxiomsVoter, vector: Vector) -> str:
    try:
        verdict = voter.judge(inputs(vector.request)).verdict
    except Exception as error:  # noqa: BLE001 - whatever it is, the axioms did not answer
        return f"{vector.name}: {error}"
    return "" if verdict is vector.verdict else f"{vector.name}: answered {verdict.value}"
