"""A Cedar text as its statements, each with the lines that it stands on.

Cedar gives no positions. A text that ends within a policy is told apart from one that is wrong,
though, so the line on which a statement goes wrong is found by reading ever longer beginnings of it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import cedarpy

_UNFINISHED = "unexpected end of input"
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|;', re.DOTALL)
_COMMENT = re.compile(r"//.*")
_ID = re.compile(r'@id\("((?:\\.|[^"\\])*)"\)')


@dataclass(frozen=True, slots=True)
class PolicyError:
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`first` is the number of its first line; `lines` end with the one that holds its semicolon."""

    first: int
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        found = _ID.search("\n".join(self.lines))
        return found[1] if found else ""

    @property
    def effect(self) -> str:
        return "permit" if self.scope_line == self.line_of("permit") else "forbid"

    @property
    def scope_line(self) -> int:
        for number, line in enumerate(self.lines, start=self.first):
            if re.match(r"\s*(permit|forbid)\b", line):
                return number
        return self.first

    def line_of(self, name: str) -> int | None:
        """The first line, comments aside, on which it stands as a word of its own."""
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        for number, line in enumerate(self.lines, start=self.first):
            if word.search(_COMMENT.sub("", line) if "//" in line else line):
                return number
        return None


def read(policies: str) -> tuple[list[Statement], list[PolicyError]]:
    """The statements in order, and what is wrong with each that is no policy."""
    statements, errors = [], []
    for statement in _split(policies):
        if error := _broken(statement):
            errors.append(error)
        else:
            statements.append(statement)
    return statements, errors


def outline(policies: str) -> list[Statement]:
    """The statements as they stand, whether they are policies or not."""
    return list(_split(policies))


def _split(policies: str) -> Iterator[Statement]:
    begin = 0
    for token in _TOKEN.finditer(policies):
        if token[0] == ";":
            yield _statement(policies, begin, token.end())
            begin = token.end()
    rest = _COMMENT.sub("", policies[begin:])
    if rest.strip():
        yield _statement(policies, begin, len(policies))


def _statement(policies: str, begin: int, end: int) -> Statement:
    """Without the blank lines and comments before it."""
    lines = policies[begin:end].split("\n")
    first = policies.count("\n", 0, begin) + 1
    skipped = 0
    while skipped < len(lines) - 1 and not _COMMENT.sub("", lines[skipped]).strip():
        skipped += 1
    return Statement(first + skipped, tuple(lines[skipped:]))


def _broken(statement: Statement) -> PolicyError | None:
    error = _error("\n".join(statement.lines))
    if error is None:
        return None
    if _UNFINISHED in error:
        return PolicyError(statement.first, "this policy has no end")
    # The shortest beginning that is wrong, and not just unfinished, ends with the wrong line.
    low, high = 1, len(statement.lines)
    while low < high:
        middle = (low + high) // 2
        found = _error("\n".join(statement.lines[:middle]))
        if found is None or _UNFINISHED in found:
            low = middle + 1
        else:
            high = middle
    shortest = _error("\n".join(statement.lines[:low])) or error
    return PolicyError(statement.first + low - 1, shortest)


def _error(text: str) -> str | None:
    try:
        policies = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    except ValueError as error:
        return str(error)
    return None if policies else _UNFINISHED
