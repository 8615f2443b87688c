"""What a trace may say of a statement: its shape, with `?` for everything that is a value.

Django hands over statements with placeholders, but binds in the client, and some are written with
values in them. Nothing that could be one is left: what is cut off in the middle is a value too.
"""

import re
from functools import lru_cache

LONGEST = 2000
_NOT_NAMES = re.compile(
    r"""
      (?P<name>"(?:[^"]|"")*(?:"|\Z))           # a quoted name stays as it is
    | --[^\n]*                                  # a comment may say anything
    | /\*.*?(?:\*/|\Z)
    | \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
    | (?:\b[bBxXnN]|\b[uU]&)?'(?:[^']|'')*(?:'|\Z)
    | \$(?P<tag>[A-Za-z_]\w*)\$.*?(?:\$(?P=tag)\$|\Z)
    | \$\$.*?(?:\$\$|\Z)
    | (?<![\w$%])\d[\w.]*
    """,
    re.VERBOSE | re.DOTALL,
)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:ONLY\s+)?\"?([A-Za-z_]\w*)", re.IGNORECASE)
_KNOWN = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "CALL", "COPY", "LOCK", "SET"),
    *("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "DECLARE", "FETCH", "CLOSE", "SHOW"),
}


@lru_cache(maxsize=512)
def described(sql: str) -> tuple[str, str]:
    """The statement without values, and its summary, `SELECT incidents_incident`.

    >>> described("SELECT * FROM t WHERE a = 'x' AND b = %s LIMIT 21")
    ('SELECT * FROM t WHERE a = ? AND b = %s LIMIT ?', 'SELECT t')
    """
    text = _NOT_NAMES.sub(_without_value, sql[:LONGEST])
    text = " ".join(text.split())
    return text, _summary(text)


def _without_value(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match["name"]
    return " " if match[0].startswith(("--", "/*")) else "?"


def _summary(text: str) -> str:
    verb = text.split(" ", 1)[0].upper()
    if verb not in _KNOWN:
        return "SQL"
    table = _TABLE.search(text)
    return f"{verb} {table[1]}" if table else verb
