"""Which single fact would have to be different for a rule to leave a request alone.

A bounded search over what was recorded: each fact that the rules know is changed alone, the rules are
evaluated again, and it is told which of them no longer speak. What takes two changes at once is not
found, and what a person did it to or with is never changed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.gate.cedar import CedarError, Policies, evaluate, parse
from audit.gate.types import Fact

MOST = 100
SOMEBODY_ELSE = "user:somebody else"
_PARTS = ("principal", "resource", "context")
_SEVERITIES = ("P0", "P1", "P2", "P3")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Facts that a resource may lack, and that would then count as not so.
_MAY_LACK = ("has_accepted_postmortem", "is_visible")


@dataclass(slots=True)
class Ways:
    """Of each rule, by its name, what frees the request of it; `allowed` frees it of all."""

    rules: dict[str, list[str]] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Change:
    part: str
    name: str
    value: Fact


def ways(text: str, asked: Mapping[str, Any]) -> Ways:
    """Raises `ValueError` and `CedarError` where these rules cannot judge this request."""
    policies = parse(text)
    speaking = _speaking(policies, asked)
    freed: dict[str, dict[tuple[str, str], list[Fact]]] = {name: {} for name in speaking or ()}
    allowed: dict[tuple[str, str], list[Fact]] = {}
    for change in list(_changes(asked))[:MOST]:
        other = {**asked, change.part: {**asked[change.part], change.name: change.value}}
        try:
            left = _speaking(policies, other)
        except CedarError:
            continue
        key = (change.part, change.name)
        for name, found in freed.items():
            if left is None or (left and name not in left):
                found.setdefault(key, []).append(change.value)
        if left is None:
            allowed.setdefault(key, []).append(change.value)
    return Ways(
        {name: _in_words(of, asked) for name, of in freed.items()}, _in_words(allowed, asked)
    )


def _speaking(policies: Policies, asked: Mapping[str, Any]) -> set[str] | None:
    """The names of the rules that forbid it; None where it is allowed. Empty where none permits."""
    result = evaluate(policies, asked)
    return None if result.allowed else {policies.name(rule) for rule in result.diagnostics.reasons}


def _changes(asked: Mapping[str, Any]) -> Iterator[_Change]:
    """Those that are likeliest to be in somebody's power come first."""
    context, resource = asked["context"], asked["resource"]
    candidates: list[tuple[str, str, Iterable[Fact]]] = [
        ("context", "approvals", range(context.get("approvals", 0) + 1, 10)),
        *_flips(asked),
        *((part, "severity", _SEVERITIES) for part in _PARTS if "severity" in asked[part]),
        *(("resource", name, [True]) for name in _MAY_LACK if name not in resource),
        ("resource", "author", [SOMEBODY_ELSE] if "author" in resource else []),
        ("context", "reason", [] if context.get("reason") else ["a reason"]),
        ("context", "hour", range(24)),
        ("context", "weekday", range(1, 8)),
    ]
    for part, name, values in candidates:
        for value in values:
            if value != asked[part].get(name):
                yield _Change(part, name, value)


def _flips(asked: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Fact]]]:
    for part in _PARTS:
        for name, value in asked[part].items():
            if isinstance(value, bool):
                yield part, name, [not value]


def _in_words(found: Mapping[tuple[str, str], list[Fact]], asked: Mapping[str, Any]) -> list[str]:
    return [_phrase(part, name, values, asked) for (part, name), values in found.items()]


def _phrase(  # noqa: PLR0911 - one fact after the other
    part: str, name: str, values: list[Fact], asked: Mapping[str, Any]
) -> str:
    match name:
        case "approvals":
            more = min(int(value or 0) for value in values) - asked["context"].get("approvals", 0)
            return "one person approved it" if more == 1 else f"{more} people approved it"
        case "severity":
            whose = "the severity" if part == "resource" else "the severity asked for"
            return f"{whose} were {_or([str(value) for value in values])}"
        case "author":
            return "somebody else had made it"
        case "reason":
            return "a reason were given"
        case "hour":
            return f"the hour (UTC) were {_or(_ranges([int(value or 0) for value in values]))}"
        case "weekday":
            return f"it were {_or([_DAYS[int(value or 1) - 1] for value in values])}"
    return f"{name} were {str(values[0]).lower()}"


def _ranges(numbers: Collection[int]) -> list[str]:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]


def _or(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
