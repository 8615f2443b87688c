"""A throw-away PostgreSQL, by default with fsync, with the product's tables in it, and Django pointed at it."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.stack.postgres import EmbeddedPostgres
from portal.stack.roles import prepare_database


@contextmanager
def database(*, fsync: bool = True) -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as home:
        Path(home).chmod(0o711)
        with EmbeddedPostgres(Path(home) / "pg", Path(home) / "run", fsync=fsync) as server:
            prepare_database(server.superuser_url("postgres"), "vigil")
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "portal.settings",
                "SECRET_KEY": "benchmarks-only",
                "VIGIL_VAR": home,
                "VIGIL_LOG_LEVEL": "ERROR",
                "DATABASE_URL": server.superuser_url("vigil"),
                "VIGIL_DATABASE_ROLE": "vigil_owner",
                # Many writers on few cores wait for each other longer than a vote may take.
                "VIGIL_VOTE_TIMEOUT_MS": "10000",
                # There is no signer.
                "VIGIL_MAX_CHECKPOINT_LAG": "86400",
                "VIGIL_CHECKPOINT_WAIT": "0",
            }
            yield server


def set_up() -> None:
    """Migrates, then steps down to the application's role. Once `database()` is open."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    connection.close()
    connection.settings_dict["OPTIONS"]["assume_role"] = "vigil_app"
    os.environ["VIGIL_DATABASE_ROLE"] = "vigil_app"


def percentile(durations: list[float], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(durations)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def table(title: str, rows: list[tuple[str, ...]]) -> None:
    """Prints it, the first row being its head, and notes it down where somebody collects them."""
    if collected := os.environ.get("VIGIL_BENCH_TABLES"):
        head, *body = rows
        noted = {"title": title, "rows": [dict(zip(head, row, strict=True)) for row in body]}
        with Path(collected).open("a") as file:
            file.write(json.dumps(noted, ensure_ascii=False) + "\n")
    print(f"\n{title}")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "   ".join(cells))
