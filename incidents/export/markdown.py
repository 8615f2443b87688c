"""As CommonMark, with tables as GitHub has them. What people typed stays text: none of it is markup."""

import re
from collections.abc import Sequence

from incidents.export.document import Document, Line

_ANYWHERE = re.compile(r"([\\`*_{}\[\]<>#|~&$@])")
# What begins a list or a heading underlined, at the start of a line only.
_AT_START = re.compile(r"^(\s*)([-+=]|\d{1,9}(?=[.)]))")


def write(document: Document) -> str:
    parts = [f"# {escaped(document.title)}", f"**{escaped(document.subtitle)}**"]
    parts.append(_table(("", ""), document.facts))
    for title, said in document.sections:
        parts.append(f"## {escaped(title)}")
        parts.append(_list(said) if isinstance(said, list) else paragraphs(said))
    parts.append("## Action items")
    parts.append(
        _table(
            ("What", "Owner", "Due", "For", "State"),
            [
                (item.text, item.owner, item.due_on.isoformat(), item.kind, item.state)
                for item in document.items
            ],
        )
        if document.items
        else "None."
    )
    parts.append("## Timeline")
    parts.append(_table(("When", "Who", "What"), document.timeline))
    parts.append(f"*{escaped(document.foot)}*")
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """One line of text that reads the same when it is rendered."""
    line = _ANYWHERE.sub(r"\\\1", " ".join(text.split()))
    return _AT_START.sub(_at_start, line)


def _at_start(found: re.Match[str]) -> str:
    blank, mark = found.groups()
    # A number is kept from its full stop, any other mark from its line.
    return f"{blank}{mark}\\" if mark.isdigit() else f"{blank}\\{mark}"


def paragraphs(text: str) -> str:
    """Line breaks stay line breaks."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(
        "\\\n".join(escaped(line) for line in block.splitlines() if line.strip())
        for block in blocks
    )


def _list(lines: list[Line]) -> str:
    return "\n".join(f"{'  ' * line.depth}- {escaped(line.text)}" for line in lines)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = [head, ("---",) * len(head)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines += [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)
