"""What a decision costs with 200 policies, beside the bare permission check.

    python -m benchmarks.gate [decisions]

The user is fetched anew for each decision, so that permissions are looked up as in a request.
"""

import sys
import time
from collections.abc import Callable

from benchmarks.stand import database, percentile, set_up, table

POLICIES = 200
GOAL_P95_MS = 3.0


def main(decisions: int = 2000) -> None:
    with database():
        set_up()
        rows = [("", "p50 ms", "p95 ms", "p99 ms"), *_measure(decisions)]
        table(f"gate: {decisions} decisions, {POLICIES} policies", rows)
        p95 = float(rows[-1][2])
        print(f"\n  p95 of a decision {p95:.2f} ms, goal under {GOAL_P95_MS:.0f} ms")


def _measure(decisions: int) -> list[tuple[str, ...]]:
    from audit.gate import engine, policy
    from audit.gate.types import Request, Resource
    from audit.governed import ACTIONS
    from audit.models import User
    from audit.principal import person
    from portal.first_run import first_run

    first_run(keep=lambda _made: None)
    text = policy.default_text() + "".join(
        f'@id("rule-{n}")\nforbid (principal, action, resource) when'
        f' {{ resource.kind == "kind-{n}" && context.hour == {n % 24} }};\n'
        for n in range(POLICIES)
    )
    digest = policy.digest_of(text)
    looked_up = policy.active
    action = ACTIONS["incidents:incident:contain"]
    incident = Resource("incidents.incident", "INC-1", {"severity": "P1", "state": "acknowledged"})

    def user() -> User:
        return User.objects.get(username="commander")

    def check() -> None:
        assert user().has_perm(str(action.permission))

    def decide() -> None:
        assert engine.decide(Request(person(user()), action, incident)).verdict == "allow"

    def active() -> tuple[str, str]:
        looked_up()  # the look-up stays in the measure
        return text, digest

    policy.active = active
    return [
        _row("permission check", check, decisions),
        _row("decision", decide, decisions),
    ]


def _row(name: str, call: Callable[[], None], times: int) -> tuple[str, ...]:
    call()
    durations = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        durations.append(time.perf_counter() - began)
    return (name, *(f"{percentile(durations, share):.2f}" for share in (0.5, 0.95, 0.99)))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
