"""A checklist as it is typed: one item a line, and a line that begins with * is required. Pure."""

from dataclasses import dataclass

from incidents.procedure import STEPS

MAX_LINES = 50
MAX_LINE = 500


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    is_required: bool = False


def lines(text: str) -> list[Line]:
    """`* Ask` is `Line("Ask", is_required=True)`."""
    found = []
    for line in text.splitlines():
        line = line.strip()  # noqa: PLW2901 - the same line, without its blanks
        said = line.removeprefix("*").strip()
        if said:
            found.append(Line(said, line.startswith("*")))
    return found


def problem_of(text: str) -> str:
    """What keeps a text from being a checklist, in words; empty where nothing does."""
    found = lines(text)
    if not found:
        return "Write at least one item."
    if "\0" in text:
        return "It must not contain NUL characters."
    if len(found) > MAX_LINES:
        return f"{len(found)} items are too many; {MAX_LINES} fit."
    if any(len(line.text) > MAX_LINE for line in found):
        return f"An item has at most {MAX_LINE} characters."
    return ""


def shipped(step: int) -> list[Line]:
    """What the standard asks for in a step, where nobody set up anything else: none of it insists."""
    return [Line(text) for text in STEPS[step - 1].todo]
